"""Colours of timelines."""
from typing import Any, Dict, Optional, Sequence, Tuple

from matplotlib.colors import to_rgb

from dyfadet_mm.fileio import class_name

Color = Tuple[float, float, float]

# the scheme 'muted' of Paul Tol in an order that keeps neighbours apart, and
# the orange of his 'vibrant': safe for colour-blind readers
PALETTE = ('#332288', '#44AA99', '#CC6677', '#DDCC77', '#88CCEE', '#882255',
           '#117733', '#EE7733', '#AA4499', '#999933')
# with more classes than colours, each round has a hatch of its own
HATCHES = ('', '////', '....', 'xxxx')
INK, AXIS_INK = '#222222', '#8A8A8A'
FAINTEST = 0.12


class ClassStyles:
    """One colour and hatch per class.

    Args:
        labels (Sequence[int]): Classes that will be drawn.
        classes (Sequence[str], optional): All names, in label order. As long
            as they are no more than the colours, a class has the same colour
            in every figure. Defaults to None.
    """

    def __init__(self,
                 labels: Sequence[int],
                 classes: Optional[Sequence[str]] = None) -> None:
        self.classes = classes
        self.labels = sorted(set(labels))
        if classes is not None and len(classes) <= len(PALETTE):
            self._ranks = {label: label for label in self.labels}
        else:
            self._ranks = {n: rank for rank, n in enumerate(self.labels)}

    def name(self, label: int) -> str:
        """Name of a class."""
        return class_name(label, self.classes)

    def patch(self, label: int, score: float = 1.) -> Dict[str, Any]:
        """Keywords of a matplotlib patch that fades with its score."""
        rank = self._ranks[label]
        color = PALETTE[rank % len(PALETTE)]
        hatch = HATCHES[rank // len(PALETTE) % len(HATCHES)]
        return dict(
            facecolor=fade(color, score),
            edgecolor='white' if hatch else color,
            hatch=hatch)


def fade(color: str, score: float) -> Color:
    """Mix a colour with white, the more the lower the score in [0, 1]."""
    alpha = FAINTEST + (1 - FAINTEST) * min(max(score, 0.), 1.)
    return tuple(1 - alpha * (1 - part) for part in to_rgb(color))


def text_color(background: Color) -> str:
    """Dark or white, whichever reads better on ``background``."""
    red, green, blue = background
    return INK if 0.3 * red + 0.59 * green + 0.11 * blue > 0.55 else 'white'
