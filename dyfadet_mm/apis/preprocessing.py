"""From frames to the input of a recognizer."""
from dataclasses import dataclass
from typing import Optional, Tuple, Union

import mmcv
import numpy as np

from dyfadet_mm.utils.checks import check_at_least


@dataclass(frozen=True)
class Preprocessing:
    """From the frames of a window to the input of a recognizer.

    Args:
        size (int | tuple[int, int], optional): Height and width of the
            input. Defaults to None, which leaves frames as they are.
        short_side (int, optional): Resize the shorter side of a frame to
            this, then cut ``size`` from its centre. Defaults to None, which
            squashes the whole frame into ``size``.
        mean (Sequence[float]): Of R, G and B in 0 to 255. Defaults to 0.
        std (Sequence[float]): What the rest is divided by. Defaults to 1.
        frame_interval (int): Of the window, every n-th frame is seen.
            Defaults to 1.

    Raises:
        ValueError: If a number is out of range.
    """

    size: Union[None, int, Tuple[int, int]] = None
    short_side: Optional[int] = None
    mean: Tuple[float, ...] = (0., 0., 0.)
    std: Tuple[float, ...] = (1., 1., 1.)
    frame_interval: int = 1

    def __post_init__(self) -> None:
        size = self.size
        if size is not None:
            size = (size, size) if isinstance(size, int) else tuple(size)
            if len(size) != 2 or min(size) < 1:
                raise ValueError('size must be a number of pixels or (height, '
                                 f'width), but got {self.size}')
        for name, value in dict(
                size=size, mean=tuple(self.mean), std=tuple(self.std)).items():
            object.__setattr__(self, name, value)  # frozen for others
        if len(self.mean) != 3 or len(self.std) != 3 or 0 in self.std:
            raise ValueError('mean and std must be three numbers each, std '
                             f'not 0, but got {self.mean} and {self.std}')
        check_at_least('frame_interval', self.frame_interval)
        if self.short_side is not None and (size is None
                                            or self.short_side < max(size)):
            raise ValueError('short_side must be at least size, but got '
                             f'{self.short_side} and {self.size}')

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Bring one frame to size.

        Args:
            frame (ndarray): uint8, (H, W, 3).

        Returns:
            ndarray: uint8, (height, width, 3).
        """
        if self.size is None:
            return frame
        height, width = self.size
        if self.short_side is None:
            return mmcv.imresize(frame, (width, height))
        scale = self.short_side / min(frame.shape[:2])
        frame = mmcv.imresize(
            frame,
            tuple(
                max(round(n * scale), self.short_side)
                for n in frame.shape[1::-1]))
        top = (frame.shape[0] - height) // 2
        left = (frame.shape[1] - width) // 2
        return frame[top:top + height, left:left + width]


def make_preprocessing(cfg: dict, given: dict) -> Preprocessing:
    """Complete settings by those that a recognizer is tested with.

    Args:
        cfg (dict): Config of a recognizer, or an empty one.
        given (dict): Arguments of :class:`Preprocessing`.

    Returns:
        Preprocessing: With these, and for the rest the size of the test
        pipeline and the mean and std of the data preprocessor.

    Raises:
        TypeError: If one is unknown.
    """
    model = cfg.get('model') or {}
    found = {}
    normalize = model.get('data_preprocessor') or {}
    for name in ('mean', 'std'):
        if normalize.get(name) is not None:
            found[name] = tuple(normalize[name])
    if 'size' not in given:
        for step in cfg.get('test_pipeline') or ():
            kind = step['type'].split('.')[-1]
            if kind in ('CenterCrop', 'ThreeCrop', 'TenCrop'):
                found['size'] = step['crop_size']
            elif kind == 'Resize' and step['scale'][0] in (-1, np.inf):
                found['short_side'] = step['scale'][1]
            elif kind == 'Resize':
                found['size'] = tuple(step['scale'][::-1])
        if 'size' not in found:
            found.pop('short_side', None)
    return Preprocessing(**{**found, **given})
