"""Are the values of features of one size, or are some far outside."""
from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
from dataset_survey import Finding, Magnitude, Survey, share

# squares of larger values overflow the variance of a float32 LayerNorm
LARGEST = 1e18
# times the median of the videos: of their largest values, which heavy tails
# move by 10 or 100, and of their scales, which nothing moves
FAR, VERY_FAR, SCALED = 1e3, 1e4, 100
# between the medians of two data sets, which one extractor gives alike
APART = 4
# times the scale of all videos, if all have such values
ALL_FAR = 1e6
CHECK = 'feature values'
REMEDY = 'extract the features of such videos again, or leave them out'


class Typical(NamedTuple):
    """What most videos have.

    Attributes:
        largest (float): Largest ``|x|`` of a video.
        scale (float): Median ``|x|`` of a video.
    """
    largest: float
    scale: float


def measure_magnitude(feats: np.ndarray) -> Magnitude:
    """Find the largest value and the typical size of features.

    Args:
        feats (ndarray): Finite features, float32, (T, C).

    Returns:
        Magnitude: Its scale is that of 64 cells at most.
    """
    ends = [int(feats.argmax()), int(feats.argmin())]
    index = max(ends, key=lambda i: abs(feats.flat[i]))
    cell, channel = np.unravel_index(index, feats.shape)
    rows = np.linspace(0, len(feats) - 1, min(len(feats), 64)).astype(int)
    sizes = np.abs(feats[rows])
    sizes = sizes[sizes > 0]
    return Magnitude(
        float(feats.flat[index]), int(cell), int(channel),
        float(np.median(sizes)) if len(sizes) >= 100 else float('nan'),
        len(feats) > 1 and bool((feats == feats[:1]).all()))


def check_magnitudes(surveys: Sequence[Survey]) -> List[Finding]:
    """Name videos whose features are far larger or smaller than the others.

    Args:
        surveys (Sequence[Survey]): All data sets, with readings.

    Returns:
        list[Finding]: With the value, its cell and its channel.
    """
    found = [(survey, name, reading.magnitude) for survey in surveys
             for name, reading in survey.readings.items()
             if reading.magnitude is not None]
    typical = Typical(
        _lower_median([abs(m.value) for _, _, m in found]),
        _lower_median([m.scale for _, _, m in found]))
    groups: Dict[Tuple[str, str, str, str], Dict[str, str]] = {}
    for survey, name, magnitude in found:
        for severity, what, text, remedy in _judge(magnitude, typical):
            key = (survey.name, severity, what, remedy)
            groups.setdefault(key, {})[name] = text
    counts = {survey.name: len(survey.readings) for survey in surveys}
    findings = [
        Finding(
            severity, data, CHECK, f'features of '
            f'{share(len(videos), counts[data])} videos {what}: '
            f'{_list_some(videos)}; {remedy}', len(videos))
        for (data, severity, what, remedy), videos in groups.items()
    ]
    named = {each.data for each in findings}
    return findings + [
        each for each in _compare_sets(surveys) if each.data not in named
    ]


def _compare_sets(surveys: Sequence[Survey]) -> List[Finding]:
    """Name data sets whose features are not as large as those of training."""
    scales = [
        _lower_median([
            r.magnitude.scale for r in survey.readings.values()
            if r.magnitude is not None
        ]) for survey in surveys
    ]
    return [
        Finding(
            'error', other.name, CHECK, f'the median |x| of the features is '
            f'{scale:.3g}, but {own:.3g} in {first.name}: are they of the '
            'same extractor, and normalised alike?', len(other.readings))
        for first, own in zip(surveys[:1], scales) if first.training
        for other, scale in zip(surveys[1:], scales[1:])
        if not other.training and max(scale / own, own / scale) > APART
    ]


def _lower_median(values: List[float]) -> float:
    """Median of what is above 0; of two values the smaller."""
    values = np.sort([value for value in values if value > 0])
    return float(values[(len(values) - 1) // 2]) if len(values) else np.nan


def _judge(magnitude: Magnitude,
           typical: Typical) -> List[Tuple[str, str, str, str]]:
    """What is wrong with one video: severity, kind, text and remedy."""
    largest = abs(magnitude.value)
    where = (f'{magnitude.value:.4g} at cell {magnitude.cell}, channel '
             f'{magnitude.channel}')
    median = f'median |x| is {magnitude.scale:.3g}'
    ratio = magnitude.scale / typical.scale
    problems = []
    if largest > LARGEST:
        problems.append(('error', 'have values whose squares overflow, so '
                         'that the loss becomes NaN', where, REMEDY))
    elif ratio > SCALED:
        problems.append(
            ('error', 'are as a whole far larger than those of most videos, '
             f'where the median |x| is {typical.scale:.3g}',
             f'{median}, {ratio:.3g} times as large; largest {where}', REMEDY))
    elif largest > FAR * typical.largest:
        severity = 'error' if largest > VERY_FAR * typical.largest else (
            'warning')
        problems.append(
            (severity, 'have values far outside the rest, where the largest '
             f'of a video is usually {typical.largest:.3g}', where, REMEDY))
    elif largest > ALL_FAR * typical.scale:
        problems.append(
            ('warning', 'have values far outside the rest, where the median '
             f'|x| is {typical.scale:.3g}', where,
             'normalise the channels, or leave such channels out'))
    if magnitude.constant:
        problems.append(('warning', 'are equal in all cells, so that nothing '
                         'can be found in them', where, REMEDY))
    elif ratio < 1 / SCALED:
        problems.append(
            ('warning', 'are as a whole far smaller than those of most '
             f'videos, where the median |x| is {typical.scale:.3g}',
             f'{median}; largest {where}', REMEDY))
    return problems


def _list_some(videos: Dict[str, str], most: int = 3) -> str:
    """The first videos, each with its text."""
    texts = [f'{name!r} ({text})' for name, text in videos.items()]
    return ', '.join(texts[:most]) + (', ...' if len(texts) > most else '')
