"""Faults of a whole file: times, labels, duplicates, missing videos."""
from typing import Iterator

import numpy as np
from error_findings import SIDES, Evidence, Finding, percent


def _no_detections(e: Evidence) -> Iterator[Finding]:
    """Nothing at all, too few, or whole videos without detections."""
    if not e.errors['num_detections']:
        yield Finding(
            2., 'no detections', 'There is not one detection.', 'videos.csv',
            'Lower min_score, look at the losses of the training, and see '
            'that the checkpoint was loaded.')
        return
    number = e.errors['num_detections']
    if number < 0.5 * e.num:
        yield Finding(
            1.2 * (1 - number / e.num), 'few detections',
            f'There are {number} detections for {e.num} actions, so that '
            f'{percent(1 - number / e.num)} of them cannot be found.',
            'videos.csv',
            'Lower score_thr and min_score, and raise the number of '
            'detections per video (max_num).')
    empty = [row for row in e.details['videos'] if not row['detections']]
    share = sum(row['actions'] for row in empty) / e.num
    if share:
        yield Finding(
            share, 'videos without detections',
            f'{len(empty)} videos have no detections at all; they hold '
            f'{percent(share)} of the actions.', 'videos.csv',
            'See that features of these videos exist, are finite, and that '
            'the predictions are of the same subset.')


def _truncated(e: Evidence) -> Iterator[Finding]:
    """Nothing is detected in the later part of videos."""
    rows = [row for row in e.details['videos'] if row['detections']]
    share = sum(row['after_last'] for row in rows) / e.num
    if share > 0.05:
        yield Finding(
            share, 'ends of videos',
            f'{percent(share)} of the actions begin after the last detection '
            'of their video: the ends of videos are not looked at, or times '
            'are too small.', 'videos.csv, column after_last',
            'Look at max_seq_len, the sliding windows, the length of the '
            'features and feat_stride.')


def _times(e: Evidence) -> Iterator[Finding]:
    """All times are moved, stretched, or relative."""
    fit = e.details['alignment']
    stretched = fit['recall_scaled'] - fit['recall']
    moved = fit['recall_shifted'] - fit['recall']
    if not _both_ends_move(e):
        moved = 0.
    relative = fit['recall_relative'] - fit['recall']
    if max(stretched, moved, relative) < 0.05:
        return
    was = f'{percent(fit["recall"])} of the actions are met as it is'
    if relative >= max(stretched, moved):
        yield Finding(
            1.5 * relative, 'relative times',
            f'All times seem to be shares of the video, of {fit["whole"]} in '
            f'all: as such, {percent(fit["recall_relative"])} of the actions '
            f'are met by the best detections; {was}.',
            'errors.json, alignment',
            'Multiply all times by the duration of the video; segments must '
            'be in seconds.')
    elif stretched >= moved:
        yield Finding(
            1.5 * stretched, 'factor of times',
            f'All times seem wrong by a factor: multiplied by '
            f'{fit["factor"]:.4g}, {percent(fit["recall_scaled"])} of the '
            f'actions are met by the best detections; {was}.',
            'errors.json, alignment',
            'Check feat_stride and fps (a wrong stride or frame rate '
            'stretches all times), and that times are seconds, not frames.')
    else:
        shift = fit['shift_s']
        yield Finding(
            1.5 * moved, 'shift of times',
            f'All detections seem {abs(shift):.1f} s too '
            f'{"early" if shift > 0 else "late"}: moved by {shift:+.1f} s, '
            f'{percent(fit["recall_shifted"])} of the actions are met by the '
            f'best detections; {was}.', 'errors.json, alignment',
            'Check the centre of the first cell (feat_num_frames), the start '
            'of windows, and videos that were cut before their features.')


def _both_ends_move(e: Evidence) -> bool:
    """Whether what is met still has start and end wrong by the shift."""
    fit = e.details['alignment']
    shift, bounds = fit['shift_s'], e.details['boundaries']
    # too few to tell; or so much is gained that what is met is neighbours
    if e.loose_recall < 0.3 or fit['recall_shifted'] > 2 * fit['recall'] + 0.1:
        return True
    return all(
        np.median(bounds[f'{side}_s']) / -shift > 0.3
        for side in SIDES) if shift else False


def _labels(e: Evidence) -> Iterator[Finding]:
    """Actions are found under names of other classes."""
    table = e.details['confusion']['counts']
    labels = e.details['confusion']['labels']
    inner = table[:-1, :-1]
    wrong = inner - np.diag(np.diag(inner))
    share = wrong.sum() / e.num
    if share < 0.03 or not inner.size:
        return
    taken = wrong.argmax(1)  # (A, )
    swapped = [(a, b) for a, b in enumerate(taken)
               if wrong[a, b] >= max(2, 0.5 * table[a].sum())]
    worst = np.unravel_index(wrong.argmax(), wrong.shape)
    pairs = swapped or [worst]
    pairs = sorted(pairs, key=lambda pair: -wrong[pair])[:5]
    named = '; '.join(
        f'{e.name(labels[a])} is called {e.name(labels[b])} ({wrong[a, b]} of '
        f'{table[a].sum()})' for a, b in pairs)
    if swapped:
        yield Finding(
            1.5 * share, 'swapped labels',
            f'{percent(share)} of the actions are found, but named wrongly, '
            f'and labels look swapped: {named}.', 'confusion.csv',
            'Compare the order of the class names of the model with that of '
            'the annotations (class list, label_id).')
    else:
        impact = e.errors['impact']
        yield Finding(
            # without true positives, nothing has an impact
            max(impact['wrong label'] + impact['confusion'], 0.3 * share),
            'wrong labels',
            f'{percent(share)} of the actions are found first under the name '
            f'of another class; most often {named}.',
            'confusion.csv',
            'More data of these classes, or scores of a video classifier '
            'beside those of the detector.')


def _duplicates(e: Evidence) -> Iterator[Finding]:
    """The same action is detected again and again."""
    counts = {k: v.sum() for k, v in e.errors['counts'].items()}
    number = counts['double detection']
    share = number / max(sum(counts.values()), 1)
    gain = e.errors['impact']['double detection']
    # an action that is found three times as often as once
    excess = min(number / max(counts['true positive'], 1), 1)
    if share < 0.15 and gain < 0.02:
        return
    yield Finding(
        gain + 0.2 * excess * share, 'duplicates',
        f'{percent(share)} of the best detections are duplicates (double '
        f'detections): they find an action that was found before. Without '
        f'them average mAP_N gains {percent(gain)}.', 'types.csv',
        'A stricter NMS: a smaller sigma or IoU threshold, or fewer '
        'detections per video; windows that overlap must be merged by NMS.')


FAULTS = (_no_detections, _truncated, _times, _labels, _duplicates)
