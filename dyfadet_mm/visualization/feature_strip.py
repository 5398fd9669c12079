"""Features or frames over time, above a timeline."""
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .layout import LEFT, RIGHT
from .styles import AXIS_INK, INK

# inches
NORM, STRIP, MARGIN = 0.5, 0.7, 0.12
ROWS = 64  # of the strip, at most


def draw_feature_strip(feats: np.ndarray,
                       first: float,
                       last: float,
                       duration: float,
                       width: float = 11.) -> Figure:
    """Draw features as a heat map below their norm, for a timeline to follow.

    With the same ``duration`` and ``width`` its axis is that of
    :func:`draw_timeline`. Neighbouring channels are averaged to few rows, and
    each row is standardized, so that changes over time show.

    Args:
        feats (ndarray): (T, C).
        first (float): Seconds of the centre of the first cell.
        last (float): Seconds of the centre of the last cell.
        duration (float): Seconds that the axis shows.
        width (float): Inches. Defaults to 11.

    Returns:
        Figure: With an Agg canvas.
    """
    height = NORM + STRIP + 3 * MARGIN
    figure = Figure(figsize=(width, height), dpi=150, facecolor='white')
    FigureCanvasAgg(figure)
    left, span = LEFT / width, 1 - (LEFT + RIGHT) / width
    norm = figure.add_axes(
        (left, (STRIP + 2 * MARGIN) / height, span, NORM / height))
    strip = figure.add_axes((left, MARGIN / height, span, STRIP / height))
    half = 0.5 * (last - first) / max(len(feats) - 1, 1)  # of a cell
    edges = np.linspace(first - half, last + half, len(feats) + 1)
    if len(feats) == 1:
        edges = np.array([0., duration])
    norm.stairs(np.linalg.norm(feats, axis=1), edges, color=INK, lw=0.7)
    rows = standardized_rows(feats)
    strip.pcolormesh(
        edges, np.arange(len(rows) + 1), rows, cmap='viridis', vmin=-2, vmax=2)
    for axes, name in ((norm, 'norm'), (strip, 'features')):
        axes.set_xlim(0, duration)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_color(AXIS_INK)
        axes.spines[['right', 'top']].set_visible(False)
        axes.text(-0.008, 0.5, name, size=8, color=INK,
                  transform=axes.transAxes, ha='right',
                  va='center')  # yapf: disable
    return figure


def draw_frame_strip(frames: np.ndarray,
                     duration: float,
                     width: float = 11.) -> Figure:
    """Draw as many frames side by side as fit, for a timeline to follow.

    Args:
        frames (ndarray): RGB, uint8, (3, T, H, W).
        duration (float): Seconds that the axis shows.
        width (float): Inches. Defaults to 11.

    Returns:
        Figure: With an Agg canvas.
    """
    total, rows, columns = frames.shape[1:]
    height = STRIP + 2 * MARGIN
    figure = Figure(figsize=(width, height), dpi=150, facecolor='white')
    FigureCanvasAgg(figure)
    span = width - LEFT - RIGHT
    axes = figure.add_axes(
        (LEFT / width, MARGIN / height, span / width, STRIP / height))
    number = max(round(span / STRIP * rows / columns), 1)
    cells = ((np.arange(number) + 0.5) * total / number).astype(int)
    picture = np.concatenate(list(frames[:, cells].swapaxes(0, 1)), 2)
    axes.imshow(
        picture.transpose(1, 2, 0), extent=(0, duration, 0, 1), aspect='auto')
    axes.set_axis_off()
    return figure


def standardized_rows(feats: np.ndarray) -> np.ndarray:
    """Average neighbouring channels, and standardize them over time.

    Args:
        feats (ndarray): (T, C).

    Returns:
        ndarray: (R, T) with R at most 64; a row that does not change is 0.
    """
    groups = np.array_split(
        feats.T.astype(np.float64), min(feats.shape[1], ROWS))
    rows = np.stack([group.mean(0) for group in groups])
    rows -= rows.mean(1, keepdims=True)
    spread = rows.std(1, keepdims=True)
    return np.divide(rows, spread, out=np.zeros_like(rows), where=spread > 0)
