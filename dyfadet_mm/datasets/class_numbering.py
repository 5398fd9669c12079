from typing import Optional, Sequence, Tuple

import numpy as np

from dyfadet_mm.fileio import check_classes, extend_classes


class ClassNumbering:
    """Labels of the classes of a data set among those of another one.

    Attributes:
        names (tuple[str], optional): Names in label order: those of the other
            data set, and behind them those of its own that it lacks. None as
            long as there is no other one.
    """

    def __init__(self) -> None:
        self.names: Optional[Tuple[str, ...]] = None
        self._own: Optional[Tuple[str, ...]] = None
        self._present: Tuple[str, ...] = ()
        self._labels: Optional[np.ndarray] = None

    def set_own(self, classes: Sequence[str], labels: np.ndarray) -> None:
        """Tell the classes of the data set, once they are known.

        Args:
            classes (Sequence[str]): Names in label order.
            labels (ndarray): Labels of its actions, (N, ).
        """
        self._own = tuple(classes)
        # a class without any action needs no label among the others
        self._present = tuple(classes[i] for i in np.unique(labels))
        if self.names is not None:
            self.follow(self.names)

    def follow(self, classes: Sequence[str]) -> None:
        """Number the classes as others do, by name.

        Args:
            classes (Sequence[str]): Names in label order.

        Raises:
            TypeError: If they are not a sequence of names.
            ValueError: If a name is repeated, or there is none.
        """
        self.names = extend_classes(check_classes(classes), self._present)
        if self._own is not None:
            labels = {name: label for label, name in enumerate(self.names)}
            self._labels = np.array(
                [labels.get(name, -1) for name in self._own], dtype=np.int64)

    def convert(self, labels: np.ndarray) -> np.ndarray:
        """Convert labels of the data set.

        Args:
            labels (ndarray): Positions in its own classes, (N, ).

        Returns:
            ndarray: Positions in ``names``, (N, ).
        """
        return labels if self._labels is None else self._labels[labels]
