"""Actions that have a verb and a noun, as those of EPIC-Kitchens-100.

The label of an action is verb x number of nouns + noun. Two detectors, one of
verbs and one of nouns, know nothing of each other; what both say of a video
is paired here, so that :func:`tad_map` can score actions.
"""
from typing import Dict, Hashable, Tuple

import numpy as np

from .checks import check_thresholds
from .inputs import Columns, Videos, read_video
from .overlaps import expand_ranges, paired_tiou

Video = Dict[str, np.ndarray]
# the two annotation files round times in their own way
TOLERANCE_S = 1e-2
MAX_SCORE = 1e100


def pair_detections(verbs: Videos,
                    nouns: Videos,
                    num_nouns: int = 300,
                    min_tiou: float = 0.5,
                    max_num: int = 2000) -> Dict[Hashable, Video]:
    """Detect actions where a verb and a noun are detected.

    Every verb of a video makes an action with every noun whose segment it
    meets at ``min_tiou`` or more. The boundaries are the means of the two;
    the score is the square root of the product of the two scores, times the
    tIoU.

    Args:
        verbs (Mapping): Detections of verbs, as ``predictions`` of
            :func:`tad_map`.
        nouns (Mapping): Detections of nouns.
        num_nouns (int): Number of nouns. Defaults to 300.
        min_tiou (float): Least tIoU of a pair, above 0. Defaults to 0.5.
        max_num (int): Best actions kept of each video. Defaults to 2000.

    Returns:
        dict: Detections of actions, as ``predictions`` of :func:`tad_map`,
        of the videos in both.

    Raises:
        KeyError: If a field is missing.
        ValueError: As in :func:`tad_map`, or if a noun is out of range.

    Note:
        The EPIC-Kitchens baseline scores every verb and every noun on one
        set of proposals and ranks actions by the product. Two separate
        detectors share no proposals; segments that overlap take that place.
        Taking for a verb only the noun of highest tIoU would be wrong: NMS
        leaves many nouns of low score at nearly the same segment.
    """
    check_thresholds(min_tiou)
    actions = {}
    for video_id in [name for name in verbs if name in nouns]:
        verb, noun = (
            read_video(video_id, videos[video_id], 0, source, has_scores=True)
            for source, videos in dict(verbs=verbs, nouns=nouns).items())
        _check_nouns(video_id, noun.labels, num_nouns)
        actions[video_id] = _pair(verb, noun, num_nouns, min_tiou, max_num)
    return actions


def join_ground_truth(verbs: Videos,
                      nouns: Videos,
                      num_nouns: int = 300) -> Dict[Hashable, Video]:
    """Actions of two annotation files, which list the same segments.

    Args:
        verbs (Mapping): Verbs, as ``ground_truth`` of :func:`tad_map`.
        nouns (Mapping): Nouns.
        num_nouns (int): Number of nouns. Defaults to 300.

    Returns:
        dict: Actions, as ``ground_truth`` of :func:`tad_map`.

    Raises:
        KeyError: If a field is missing.
        ValueError: If the two have other videos, or other segments in a
            video, beyond 1e-2 s, or as in :func:`tad_map`.
    """
    alone = sorted(set(verbs) ^ set(nouns), key=str)
    if alone:
        raise ValueError(
            'verbs and nouns must be annotated in the same videos, but '
            f'{len(alone)} are in one file only, such as {alone[:3]}')
    return {
        video_id:
        _join(video_id, read_video(video_id, video, 0, 'verbs'),
              read_video(video_id, nouns[video_id], 0, 'nouns'), num_nouns)
        for video_id, video in verbs.items()
    }


def _pair(verbs: Columns, nouns: Columns, num_nouns: int, min_tiou: float,
          max_num: int) -> Video:
    """Pair the detections of one video, see :func:`pair_detections`."""
    verb, noun, tiou = _near(verbs.segments, nouns.segments, min_tiou)
    _check_scores(verbs.scores, nouns.scores)
    scores = np.sqrt(verbs.scores[verb] * nouns.scores[noun]) * tiou
    best = np.argsort(-scores, kind='stable')[:max_num]
    verb, noun = verb[best], noun[best]
    return dict(
        segments=verbs.segments[verb] / 2 + nouns.segments[noun] / 2,
        scores=scores[best],
        labels=verbs.labels[verb] * num_nouns + nouns.labels[noun])


def _check_scores(*scores: np.ndarray) -> None:
    """Refuse scores whose product has no root, or is infinite."""
    for each in scores:
        bad = each[(each < 0) | (each > MAX_SCORE)]
        if bad.size:
            raise ValueError(f'scores of verbs and nouns must be in [0, '
                             f'{MAX_SCORE:g}], but got {bad[0]:g}')


def _near(segments1: np.ndarray, segments2: np.ndarray,
          min_tiou: float) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """List the pairs with tIoU >= ``min_tiou``.

    Args:
        segments1 (ndarray): (start, end), (N, 2).
        segments2 (ndarray): (start, end) in the same unit, (M, 2).
        min_tiou (float): Above 0.

    Returns:
        tuple: Row of the first, of the second, and tIoU, (P, ) each.
    """
    order = np.argsort(segments2[:, 0], kind='stable')
    start, end = segments1.T
    # the union is at most this long, which leaves few to compare
    reach = (end - start) / min_tiou
    first = np.searchsorted(segments2[order, 0], start - reach, side='left')
    last = np.searchsorted(segments2[order, 0], end, side='right')
    row1, row2 = expand_ranges(first, last - first)
    row2 = order[row2]
    tiou = paired_tiou(segments1[row1], segments2[row2])
    near = tiou >= min_tiou
    return row1[near], row2[near], tiou[near]


def _join(video_id: Hashable, verbs: Columns, nouns: Columns,
          num_nouns: int) -> Video:
    """Put the labels of one video together, see :func:`join_ground_truth`.

    Rows go by their order where that agrees. Otherwise they are sorted by
    (start, end), where equal segments keep the order of their file.
    """
    _check_nouns(video_id, nouns.labels, num_nouns)
    if not _agree(verbs, nouns):
        verbs, nouns = (
            each.take(np.lexsort(each.segments.T[::-1]))
            for each in (verbs, nouns))
    if not _agree(verbs, nouns):
        raise ValueError(
            'verbs and nouns must be annotated on the same segments, but '
            f'video {video_id!r} has {_first_difference(verbs, nouns)}')
    return dict(
        segments=verbs.segments,
        labels=verbs.labels * num_nouns + nouns.labels)


def _agree(verbs: Columns, nouns: Columns) -> bool:
    """Whether row by row the segments are the same."""
    return len(verbs) == len(nouns) and bool(
        (np.abs(verbs.segments - nouns.segments) <= TOLERANCE_S).all())


def _first_difference(verbs: Columns, nouns: Columns) -> str:
    """What two lists of segments do not share, in words."""
    if len(verbs) != len(nouns):
        return f'{len(verbs)} verbs and {len(nouns)} nouns'
    apart = np.abs(verbs.segments - nouns.segments).max(1) > TOLERANCE_S
    row = int(apart.argmax())
    return (f'{verbs.segments[row].tolist()} in one file and '
            f'{nouns.segments[row].tolist()} in the other')


def _check_nouns(video_id: Hashable, labels: np.ndarray,
                 num_nouns: int) -> None:
    """Refuse nouns that would make two actions the same."""
    if len(labels) and not 0 <= labels.min() <= labels.max() < num_nouns:
        raise ValueError(f'nouns must be from 0 to {num_nouns - 1}, but video '
                         f'{video_id!r} has {labels.max()}')
