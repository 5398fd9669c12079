"""What a detector is weak at: kinds of actions, boundaries, scores."""
from typing import Dict, Iterator, List, Sequence, Tuple

import numpy as np
from error_findings import SIDES, Evidence, Finding, percent

# an error of boundaries in lengths of the action, in the median
MIN_BIAS = 0.05


def _buckets(e: Evidence) -> Iterator[Finding]:
    """Actions of some kind are missed more than the others."""
    best = (0., )
    for name, buckets in e.errors['false_negatives'].items():
        size = np.array([*e.errors['bucket_sizes'][name].values()])
        shares = np.nan_to_num([*buckets.values()])
        missed = shares * size
        for first, last in _runs(len(size)):
            run = slice(first, last + 1)
            inside, outside = size[run].sum(), size.sum() - size[run].sum()
            # one action in twenty, and two
            if inside < max(2, 0.03 * e.num) or not outside:
                continue
            # a run is of lengths that are all far worse than any other
            others = np.delete(shares, np.arange(first, last + 1))
            if first < last and (name != 'length'
                                 or shares[run].min() < others.max() + 0.3):
                continue
            share = missed[run].sum() / inside
            rest = (missed.sum() - missed[run].sum()) / outside
            weight = (share - rest) * inside / e.num
            # characteristics go together; length is the plainest one
            rank = weight * (1.25 if name == 'length' else 1)
            if share - rest > 0.15 and rank > best[0]:
                best = rank, weight, name, first, last, share, inside, rest
    if len(best) == 1:
        return
    _, weight, name, first, last, share, inside, rest = best
    edges, names = e.errors['edges'][name], [*e.errors['bucket_sizes'][name]]
    what, advice = _words(name, last if first else 0, len(names), edges[first],
                          edges[last + 1])
    bucket = '-'.join(dict.fromkeys((names[first], names[last])))
    yield Finding(
        1.2 * weight, f'missing actions: {name} {bucket}',
        f'{what} are missed most: {percent(share)} of {inside}, against '
        f'{percent(rest)} of the others.', 'false_negatives.csv', advice)


def _runs(number: int) -> List[Tuple[int, int]]:
    """Single buckets, and all from one end on: the first and the last."""
    single = [(i, i) for i in range(number)]
    return single + [(0, i) for i in range(1, number)
                     ] + [(i, number - 1) for i in range(1, number - 1)]


def _words(name: str, rank: int, number: int, low: float,
           high: float) -> Sequence[str]:
    """A bucket in words, and what one would try."""
    size = 'Short' if 2 * rank < number - 1 else 'Long'
    if name == 'length':
        what = f'{size} actions ({low:.3g} to {high:.3g} s)'
    elif name == 'coverage':
        what = (f'{size} actions of {percent(low)} to {percent(high)} of '
                'their video')
    else:
        many = 'many' if size == 'Long' else 'few'
        return (f'Actions of videos with {many} instances ({low:.3g} to '
                f'{high:.3g})',
                'More detections per video (max_num), and an NMS that '
                'keeps neighbours.'
                if many == 'many' else 'More training videos of this kind.')
    if size == 'Short':
        return what, ('Features of a finer stride, a level for shorter '
                      'actions (regression_ranges), and min_score.')
    return what, ('More levels or greater regression_ranges, and a longer '
                  'max_seq_len or window.')


def _classes(e: Evidence) -> Iterator[Finding]:
    """Whole classes are missed."""
    rows = [row for row in e.details['classes'] if row['actions'] >= 2]
    poor = [row for row in rows if row['recall'] < e.recall - 0.3]
    if not poor:
        return
    lost = sum((e.recall - row['recall']) * row['actions'] for row in poor)
    poor = sorted(poor, key=lambda row: row['recall'] - e.recall)[:5]
    named = ', '.join(f'{e.name(row["label"])} ({row["found"]} of '
                      f'{row["actions"]} found, {row["detections"]} '
                      'detections)' for row in poor)
    yield Finding(
        lost / e.num, 'missing classes',
        f'Some classes are missed far more than others: {named}.',
        'classes.csv',
        'More training data of these classes; if they have no detections, '
        'compare the class list of the model with the annotations.')


def _boundaries(e: Evidence) -> Iterator[Finding]:
    """Actions are met, but too loosely."""
    scores = e.errors['mAP_N']  # higher thresholds see smaller errors
    lost = max(e.loose_recall - e.recall, scores.max() - scores.mean())
    bounds = e.details['boundaries']
    if lost < 0.03 or not len(bounds['length_s']):
        return
    error = {
        side: float(np.median(np.abs(bounds[f'{side}_s'])))
        for side in SIDES
    }
    worst = max(error, key=error.get)
    part = (e.loose_recall - e.recall) / max(1 - e.recall, 1e-9)
    yield Finding(
        lost, 'localization',
        f'{percent(part)} of what is missed is localization: the action is '
        f'met at tIoU 0.1, but not closely enough. Of the thresholds, the '
        f'best has mAP_N {percent(scores.max())}, the mean is '
        f'{percent(scores.mean())}. The larger '
        f'error is at the {worst} of {_which_lengths(bounds)} (median '
        f'{error[worst]:.2f} s; start {error["start"]:.2f} s, end '
        f'{error["end"]:.2f} s).{_bias(bounds)}', 'boundaries.csv',
        'Features of a finer stride, more weight of the regression loss, '
        'voting of segments, and annotations whose boundaries agree.')


def _which_lengths(bounds: Dict[str, np.ndarray]) -> str:
    """Whether short or long actions have greater errors, in lengths."""
    loose = np.maximum(
        np.abs(bounds['start_lengths']), np.abs(bounds['end_lengths']))
    is_short = bounds['length_s'] <= np.median(bounds['length_s'])
    short, long = (
        float(loose[each].mean()) if each.any() else 0.
        for each in (is_short, ~is_short))
    if short > 1.2 * long:
        return 'short actions'
    return 'long actions' if long > 1.2 * short else 'all actions'


def _bias(bounds: Dict[str, np.ndarray]) -> str:
    """Whether the boundaries are wrong in one direction, as a sentence."""
    start, end = (np.median(bounds[f'{side}_lengths']) for side in SIDES)
    if start > MIN_BIAS and end < -MIN_BIAS:
        return ' Detections are too short.'
    if start < -MIN_BIAS and end > MIN_BIAS:
        return ' Detections are too long.'
    words = [
        f'{name} are too {"late" if value > 0 else "early"}'
        for name, value in (('starts', start), ('ends', end))
        if abs(value) > MIN_BIAS
    ]
    return f' {" and ".join(words).capitalize()}.' if words else ''


def _background(e: Evidence) -> Iterator[Finding]:
    """False alarms where nothing happens."""
    gain = e.errors['impact']['background']
    if gain < 0.02:
        return
    counts = {k: v.sum() for k, v in e.errors['counts'].items()}
    share = counts['background'] / max(sum(counts.values()), 1)
    # alarms that outnumber what is found are more than a matter of scores
    excess = counts['background'] / max(counts['true positive'], 1)
    yield Finding(
        gain * np.clip(excess, 1, 3), 'background',
        f'{percent(share)} of the best detections are in the background. '
        f'Without them average mAP_N gains {percent(gain)}.', 'types.csv',
        'More training videos with background, harder negatives, or a '
        'higher min_score.')


def _scores(e: Evidence) -> Iterator[Finding]:
    """Scores do not tell right from wrong."""
    values = e.details['calibration']
    separation = values['separation']
    if not separation < 0.65 or values['count'].sum() < 20:
        return
    turned = ' They are the wrong way round.' if separation < 0.35 else ''
    yield Finding(
        0.65 - separation, 'scores',
        'Scores hardly tell finds from the background: the chance that a '
        f'find has the higher one is {percent(separation)}.{turned}',
        'calibration.csv',
        'See that scores are probabilities (sigmoid applied once), that the '
        'averaged weights are used, and look at the classification loss.')


def _missed(e: Evidence) -> Iterator[Finding]:
    """Actions that nothing comes near."""
    missed = 1 - e.loose_recall
    if missed < 0.05:
        return
    yield Finding(
        0.2 * missed, 'misses',
        f'{percent(missed)} of the actions are not met by any detection of '
        'their class, even loosely.', 'classes.csv, videos.csv',
        'Lower min_score, allow more detections per video, train longer, or '
        'use stronger features.')


WEAKNESSES = (_buckets, _classes, _boundaries, _background, _scores, _missed)
