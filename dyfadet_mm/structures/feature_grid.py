"""The feature grid: which frames a cell has seen, and when that was."""
import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Optional, Union

import numpy as np


@dataclass(frozen=True)
class FeatureGrid:
    """Which frames of a video become the cells of its features.

    Cell t sees the frames [t * ``stride``, t * ``stride`` + ``window``), and
    stands for their centre, (t * ``stride`` + ``window`` / 2) / fps seconds.

    Args:
        stride (int): Frames between two cells, ``feat_stride`` of a data set.
        window (int): Frames one cell sees, ``feat_num_frames``.
        fps (float, optional): Rate to which every video is resampled, whose
            frames the others count. Defaults to None, the rate of the video.

    Raises:
        ValueError: If a number is out of range.

    Examples:
        >>> grid = FeatureGrid(stride=4, window=16)
        >>> grid.num_cells(727), grid.starts(30).tolist()
        (178, [0, 4, 8, 12])
        >>> grid.seconds(2, fps=8)
        2.0
    """

    stride: int
    window: int
    fps: Optional[float] = None

    def __post_init__(self) -> None:
        for name in ('stride', 'window'):
            value = getattr(self, name)
            whole = isinstance(value, Integral) and type(value) is not bool
            if not whole or value < 1:
                raise ValueError(f'{name} of a feature grid must be a whole '
                                 f'number above 0, but got {value!r}')
        if self.fps is not None and not (isinstance(self.fps, Real)
                                         and 0 < self.fps < math.inf):
            raise ValueError('fps of a feature grid must be a number above 0, '
                             'or None for that of each video, but got '
                             f'{self.fps!r}')

    def num_cells(self, num_frames: int) -> int:
        """Cells of a video.

        Args:
            num_frames (int): Frames, at ``fps``.

        Returns:
            int: Windows that fit; one if the video has fewer frames than a
            window, of which the last one is repeated, none without frames.
        """
        if num_frames < 1:
            return 0
        return max((num_frames - self.window) // self.stride, 0) + 1

    def starts(self, num_frames: int) -> np.ndarray:
        """First frame of every cell.

        Args:
            num_frames (int): Frames, at ``fps``.

        Returns:
            ndarray: int64, (T, ).
        """
        return np.arange(self.num_cells(num_frames)) * self.stride

    def seconds(self,
                cells: Union[float, np.ndarray],
                fps: Optional[float] = None) -> Union[float, np.ndarray]:
        """Times of cells.

        Args:
            cells (float | ndarray): Positions on the grid.
            fps (float, optional): Rate of the video; that of the grid, if it
                has one, wins. Defaults to None.

        Returns:
            float | ndarray: Seconds.

        Raises:
            ValueError: If neither rate is known.
        """
        fps = fps if self.fps is None else self.fps
        if fps is None:
            raise ValueError('fps of the video must be given, as the feature '
                             'grid has none')
        return (cells * self.stride + self.window / 2) / fps

    def check_length(self,
                     video_id: str,
                     num_cells: int,
                     num_frames: int,
                     tolerance: int = 1) -> None:
        """Refuse features that were made from another cut of a video.

        Args:
            video_id (str): Name of the video, for the error.
            num_cells (int): Cells of its features.
            num_frames (int): Frames of the video, at ``fps``.
            tolerance (int): Cells that may be missing or too many. Defaults
                to 1, as headers of videos are wrong by a frame.

        Raises:
            ValueError: If there are more or fewer cells.
        """
        expected = self.num_cells(num_frames)
        difference = num_cells - expected
        if abs(difference) > tolerance:
            raise ValueError(
                f'features of video {video_id!r} must have {expected} cells, '
                f'which {num_frames} frames give with stride {self.stride} '
                f'and window {self.window}, but have {num_cells}: '
                f'{abs(difference) * self.stride} frames too '
                f'{"many" if difference > 0 else "few"}; they are of another '
                'video, cut or grid')
