"""Legends of timelines: the classes, and what fading means."""
import math

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from .layout import LEFT, RIGHT
from .lettering import Lettering
from .styles import INK, ClassStyles, fade

# inches: a line, the legend of scores, a colour with the room around it
LINE, SCORES, HANDLE = 0.2, 2.6, 0.45
SIZE = 8  # points


class Legends:
    """Names of the classes on the left, what fading means on the right.

    Args:
        styles (ClassStyles): The classes.
        letters (Lettering): How to draw their names.
        width (float): Inches of the figure.
    """

    def __init__(self, styles: ClassStyles, letters: Lettering,
                 width: float) -> None:
        self._styles = styles
        self._letters = letters
        room = width - LEFT - SCORES - HANDLE
        self._names = [
            letters.lines(styles.name(label), SIZE, room)
            for label in styles.labels
        ]
        longest = max((letters.width(line, SIZE) for name in self._names
                       for line in name),
                      default=0)
        columns = max(int((room + HANDLE) / (HANDLE + longest)), 1)
        rows = math.ceil(len(self._names) / columns)
        # no more columns than the rows need
        self._columns = math.ceil(len(self._names) / max(rows, 1)) or 1

    @property
    def height(self) -> float:
        """Inches they take."""
        if self._columns > 1:
            return LINE * math.ceil(len(self._names) / self._columns)
        return LINE * max(sum(map(len, self._names)), 1)

    def add_to(self, figure: Figure, top: float) -> None:
        """Draw both in a figure.

        Args:
            figure (Figure): Of the width given before.
            top (float): Inches from its upper edge.
        """
        width = figure.get_figwidth()
        y = 1 - top / figure.get_figheight()
        names = [
            Patch(label='\n'.join(name), **self._styles.patch(label))
            for label, name in zip(self._styles.labels, self._names)
        ]
        scores = [
            Patch(label=f'{score:g}', facecolor=fade('#444444', score))
            for score in (0.2, 0.6, 1.)
        ]
        scores.insert(0, Patch(label='score', visible=False))
        options = dict(frameon=False, labelcolor=INK, borderpad=0.3,
                       handlelength=1.2, columnspacing=1.2, handletextpad=0.5,
                       borderaxespad=0.,
                       prop=dict(size=SIZE, **self._letters.font())
                       )  # yapf: disable
        figure.legend(
            handles=names,
            loc='upper left',
            bbox_to_anchor=(LEFT / width, y),
            ncols=self._columns,
            **options)
        figure.legend(
            handles=scores,
            loc='upper right',
            bbox_to_anchor=(1 - RIGHT / width, y),
            ncols=4,
            **options)
