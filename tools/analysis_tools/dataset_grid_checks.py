"""Do actions fit the video, and videos the length of the model."""
from typing import Collection, Optional, Tuple

import numpy as np
from dataset_survey import Survey, Video, share, some

FEW = 0.01  # share of actions


def check_outside(survey: Survey, skip: Collection[str]) -> None:
    """Actions that lie outside the video.

    Args:
        survey (Survey): Receives the findings.
        skip (Collection[str]): Ids of videos that are left out.
    """
    beyond, partly, total = [], [], 0
    for name, video in survey.videos.items():
        if name in skip:
            continue
        out, part = outside_video(survey, video)
        beyond += [name] * int(out.sum())
        partly += [name] * int(part.sum())
        total += len(out)
    # published annotations have a few: 0.8 % of THUMOS14's test actions
    severity = 'error' if len(beyond) > FEW * total else 'warning'
    kinds = [(severity, beyond, 'lie outside the video, at least by half'),
             ('warning', partly, 'reach beyond the video by more than a cell')]
    for severity, names, what in kinds:
        if names:
            unique = list(dict.fromkeys(names))
            survey.add(
                severity, 'actions outside',
                f'{share(len(names), total)} actions {what}, in '
                f'{len(unique)} videos: {some(unique)}; correct segments and '
                'durations, which are in seconds', len(names))


def outside_video(survey: Survey,
                  video: Video) -> Tuple[np.ndarray, np.ndarray]:
    """Find actions outside of their video, by more than a cell.

    Args:
        survey (Survey): Its data set.
        video (Video): With N actions.

    Returns:
        tuple[ndarray]: Whether an action lies outside by at least half, and
        whether by less, bool, (N, ).
    """
    start, end = video.segments.T
    inside = end.clip(max=video.info['duration']) - start.clip(min=0)
    lost = end - start - inside  # seconds
    much = lost > _tolerance(survey, video.info)
    half = lost > 0.5 * (end - start)
    return much & half, much & ~half


def _tolerance(survey: Survey, info: dict) -> float:
    """Seconds of a cell, or one second if unknown."""
    stride = survey.dataset.feat_stride
    return 1. if stride is None else max(stride / info['fps'], 0.1)


def check_max_seq_len(survey: Survey, max_seq_len: Optional[int]) -> None:
    """How many videos are longer than what training sees at once.

    Args:
        survey (Survey): With readings; receives the finding.
        max_seq_len (int, optional): Cells, None if the config has none.
    """
    lengths = np.array([r.num_cells for r in survey.usable.values()])
    if max_seq_len is None or not (lengths > max_seq_len).any():
        return
    longer = int((lengths > max_seq_len).sum())
    severity, what = 'note', 'padded to a larger grid in testing'
    if survey.training:
        severity = 'warning' if 2 * longer > len(lengths) else 'note'
        what = 'cropped in training'
    survey.add(
        severity, 'max_seq_len', f'{share(longer, len(lengths))} videos are '
        f'longer than max_seq_len={max_seq_len} cells and {what}; the '
        f'longest has {lengths.max()}', longer)
