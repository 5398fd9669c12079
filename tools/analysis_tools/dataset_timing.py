"""Do the lengths of features fit durations: stride and fps."""
import math
from typing import Iterable, List, NamedTuple, Optional, Tuple

import numpy as np
from dataset_survey import Survey, share

COMMON_FPS = (*range(1, 121), 23.976, 29.97, 59.94)
COMMON_WINDOWS = (16, 32, 64, 8, 1)  # frames, the usual ones first
LARGE, SMALL = 0.05, 0.02  # relative errors of the rate
BROKEN, OFF = 0.25, 0.05  # relative errors of the length of one video


class Timing(NamedTuple):
    """How many cells videos have, and should have.

    Attributes:
        names (list[str]): Ids of the videos, V.
        seconds (ndarray): Durations, (V, ).
        cells (ndarray): Cells as stored, (V, ).
        expected (ndarray): Cells by stride, window and fps of the config,
            (V, ).
        rate (float): Cells per second that fit the data.
        offset (float): Cells at 0 s of the fitted line.
        config_rate (float): Cells per second of the config, median.
        fps (float): Frames per second, median.
        slack (float): Cells by which extractions differ at the ends.
    """
    names: List[str]
    seconds: np.ndarray
    cells: np.ndarray
    expected: np.ndarray
    rate: float
    offset: float
    config_rate: float
    fps: float
    slack: float

    @property
    def fits(self) -> bool:
        """Whether most videos are as long as the config expects."""
        return np.median(np.abs(self.cells - self.expected)) <= self.slack

    @property
    def error(self) -> float:
        """Relative error of the config's rate, 0 if it cannot be told."""
        if self.fits:
            return 0.
        return abs(self.config_rate / self.rate - 1)

    @property
    def fixed(self) -> bool:
        """Whether all videos have the same cells whatever their duration."""
        return (not self.fits and len(self.cells) > 2
                and np.ptp(self.cells) == 0
                and self.seconds.max() > 1.2 * self.seconds.min())


def fit_line(x: np.ndarray, y: np.ndarray) -> Tuple[float, float]:
    """Robust line by the medians of Theil and Sen.

    Args:
        x (ndarray): (V, ), V at least 1.
        y (ndarray): (V, ).

    Returns:
        tuple[float]: Slope and offset; a line through 0 where x does not
        vary.
    """
    pick = np.linspace(0, len(x) - 1, min(len(x), 500)).astype(int)
    x, y = x[pick], y[pick]
    first, second = np.triu_indices(len(x), 1)
    step = x[second] - x[first]
    # pairs too close to each other say nothing but rounding
    far = np.abs(step) > 0.1 * np.median(x)
    if far.sum() < len(x):
        return float(np.median(y / x)), 0.
    slope = float(np.median((y[second] - y[first])[far] / step[far]))
    return slope, float(np.median(y - slope * x))


def estimate_grid(frames: np.ndarray,
                  cells: np.ndarray) -> Tuple[float, List[float]]:
    """Stride and windows that explain how long features are.

    Args:
        frames (ndarray): Frames of every video, (V, ), V at least 1.
        cells (ndarray): Cells as stored, (V, ).

    Returns:
        tuple: Frames between two cells, a whole number if one fits, and the
        windows that fit best up to one cell, by which extractions differ at
        the ends: the likeliest first, none of them certain.

    Raises:
        ValueError: If longer videos do not have more cells.
    """
    slope, _ = fit_line(frames, cells)
    if slope <= 0:
        raise ValueError(
            'features must be longer where videos are, but their lengths do '
            'not grow with the duration; are they features of these videos?')
    stride = 1 / slope
    whole = max(round(stride), 1)

    def spread(stride: float) -> float:
        rest = cells - frames / stride
        return np.percentile(np.abs(rest - np.median(rest)), 75)

    if spread(whole) <= spread(stride) + 0.1:
        stride = whole
    else:
        stride = float(f'{stride:.5g}')
    usual, *others = COMMON_WINDOWS
    errors = {
        window: np.median(np.abs(cells - (frames - window) / stride - 1))
        for window in (usual, stride, *others)
    }
    # a little more than one cell, as durations are rounded
    most = min(errors.values()) + 1.05
    return stride, [window for window in errors if errors[window] <= most]


def measure_timing(survey: Survey) -> Optional[Timing]:
    """Compare durations with lengths of features.

    Args:
        survey (Survey): With readings.

    Returns:
        Timing: None if the data set says no stride or no duration.
    """
    dataset = survey.dataset
    infos = {k: survey.videos[k].info for k in survey.usable}
    names = [k for k, info in infos.items() if math.isfinite(info['duration'])]
    if not names or None in (dataset.feat_stride, dataset.feat_num_frames):
        return None
    seconds = np.array([infos[k]['duration'] for k in names])
    fps = np.array([infos[k]['fps'] for k in names])
    cells = np.array([survey.readings[k].shape[0] for k in names])
    stride, window = dataset.feat_stride, dataset.feat_num_frames
    expected = np.maximum((seconds * fps - window) / stride + 1, 1)
    rate, offset = fit_line(seconds, cells)
    return Timing(names, seconds, cells, expected, rate, offset,
                  float(np.median(fps / stride)), float(np.median(fps)),
                  window / stride + 2)


def check_timing(survey: Survey) -> None:
    """Say whether stride and fps fit, and which videos do not.

    Args:
        survey (Survey): With readings; receives the findings.
    """
    timing = measure_timing(survey)
    if timing is None:
        return
    if timing.fixed:
        survey.add(
            'error', 'stride and fps',
            f'all features have {timing.cells[0]} cells, but videos last '
            f'{timing.seconds.min():.4g} to {timing.seconds.max():.4g} s: '
            'they were resized to a fixed length; set feat_stride=None and '
            "feat_num_frames=None, and dict(type='SpreadFeatures') in the "
            'pipelines', len(timing.cells))
        return
    if timing.rate <= 0 and not timing.fits:
        survey.add(
            'error', 'stride and fps',
            'lengths of features do not grow with the duration of '
            'videos; are they features of these videos?', len(timing.cells))
        return
    if timing.error > SMALL:
        survey.add('error' if timing.error > LARGE else 'warning',
                   'stride and fps', describe_timing(timing, survey),
                   len(timing.cells))
    _check_lengths(survey, timing)


def describe_timing(timing: Timing, survey: Survey) -> str:
    """Say what the data shows and which settings would fit."""
    if abs(timing.config_rate / timing.rate / timing.fps - 1) < LARGE:
        return (f'durations are {timing.fps:g} times too long for their '
                f'features, which is fps: they look like frames, and must be '
                f'seconds; divide them by {timing.fps:g}')
    stride = timing.fps / timing.rate
    fps = timing.rate * survey.dataset.feat_stride
    where = ('the fps of the dataset' if survey.dataset.fps is not None else
             'fps in the annotation file')
    return (f'features have {timing.rate:.4g} cells per second, but feat_'
            f'stride={survey.dataset.feat_stride:g} at {timing.fps:g} frames '
            f'per second means {timing.config_rate:.4g}; either feat_stride='
            f'{_nearest(stride, range(1, 1025)):g} would fit at fps='
            f'{timing.fps:g} (estimate {stride:.2f}), or fps='
            f'{_nearest(fps, COMMON_FPS):g} at feat_stride='
            f'{survey.dataset.feat_stride:g} (estimate {fps:.2f}): correct '
            f'feat_stride or {where}')


def _nearest(value: float, choices: Iterable[float]) -> float:
    """The usual value within 2 %, else the value rounded."""
    best = min(choices, key=lambda choice: abs(choice - value))
    return best if abs(best / value - 1) < 0.02 else round(value, 2)


def _check_lengths(survey: Survey, timing: Timing) -> None:
    """Videos whose length fits neither the config nor the others."""
    expected, line = timing.expected, 'by stride and fps'
    if timing.error > SMALL:
        expected = np.maximum(timing.rate * timing.seconds + timing.offset, 1)
        line = 'at the rate of the other videos'
    off = np.abs(timing.cells - expected) - timing.slack
    broken = off > BROKEN * expected
    for severity, bad in (('error', broken),
                          ('warning', (off > OFF * expected) & ~broken)):
        worst = np.argsort(np.where(bad, -off / expected, 0))
        worst = worst[:min(int(bad.sum()), 5)]
        texts = []
        for i in worst:
            last = timing.seconds[i] * timing.cells[i] / expected[i]
            texts.append(f'{timing.names[i]!r} ({timing.seconds[i]:.5g} s, '
                         f'but its {timing.cells[i]} cells last about '
                         f'{last:.3g} s)')
        if texts:
            dots = ', ...' if bad.sum() > len(texts) else ''
            survey.add(
                severity, 'durations',
                f'durations of {share(int(bad.sum()), len(bad))} videos '
                f'contradict their features {line}: {", ".join(texts)}{dots}; '
                'correct duration or fps in the annotation file, or extract '
                'the whole video', int(bad.sum()))
