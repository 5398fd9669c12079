"""Steps from a video file to the frames of its cells.

They lie around the steps of MMAction2 that open and decode a video:

.. code-block:: python

    pipeline = [
        dict(type='mmaction.DecordInit'),
        dict(type='dyfadet_mm.SampleCellFrames'),
        dict(type='dyfadet_mm.SecondsToGrid'),
        dict(type='dyfadet_mm.RandomTruncate', max_seq_len=768),
        dict(type='dyfadet_mm.SelectFrames'),
        dict(type='mmaction.DecordDecode'),
        dict(type='mmaction.Resize', scale=(160, 160), keep_ratio=False),
        dict(type='dyfadet_mm.PackTADInputs')
    ]
"""
import math
from contextlib import nullcontext
from typing import Any, Optional, Sequence

import numpy as np
from mmcv.transforms import BaseTransform, Compose

from dyfadet_mm.registry import TRANSFORMS
from dyfadet_mm.utils.checks import check_at_least
from ..sample_rng import drawing_from

# how far a video may be from its annotated duration
TOLERANCE_SECONDS = 1.
TOLERANCE_SHARE = 0.05


@TRANSFORMS.register_module()
class SampleCellFrames(BaseTransform):
    """Choose the frames of every cell, by the time at which they are shown.

    Cell t shows ``frames_per_cell`` frames k, from frame t * ``feat_stride``
    on, evenly within the stride, as published for end-to-end training. Frames
    are counted at ``fps``; where the file has another rate, the frames nearest
    in time are taken. The steps that cut features cut these as well.

    Required Keys:

    - video_id
    - video_reader, total_frames: as set by MMAction2's ``DecordInit``,
      ``PyAVInit`` or ``OpenCVInit``
    - duration, fps, feat_stride, feat_num_frames

    Added Keys:

    - feats (ndarray): indices of frames, (T, k) int64

    Modified Keys:

    - fps, duration: those of the file, where they are None or infinite
    - feat_num_frames: frames from the first to the last one of a cell, where
      it is None
    - feat_stride, feat_num_frames: with ``num_cells`` both are the share of
      the video that a cell has, as of :class:`SpreadFeatures`

    Args:
        frames_per_cell (int): k. Defaults to 1.
        num_cells (int, optional): T, spread over the whole video, with the
            frames in the middle of equal shares. Defaults to None, as many as
            there are strides, but at least one.

    Raises:
        ValueError: If an argument is below 1.
    """

    def __init__(self,
                 frames_per_cell: int = 1,
                 num_cells: Optional[int] = None) -> None:
        check_at_least('frames_per_cell', frames_per_cell)
        if num_cells is not None:
            check_at_least('num_cells', num_cells)
        self.frames_per_cell = frames_per_cell
        self.num_cells = num_cells

    def window(self, stride: float) -> float:
        """Frames from the first to the last one of a cell.

        Args:
            stride (float): Frames between two cells.
        """
        return stride - stride / self.frames_per_cell + 1

    def transform(self, results: dict) -> dict:
        """Add the indices of frames.

        Args:
            results (dict): Result dict of the data set.

        Returns:
            dict: The same dict.

        Raises:
            KeyError: If the video has not been opened.
            ValueError: If it is not as long as the annotations say, or
                nothing says how far its cells are apart.
        """
        name = results['video_id']
        if 'total_frames' not in results:
            raise KeyError(f'video {name!r} must be opened before '
                           'SampleCellFrames; put mmaction.DecordInit, '
                           'PyAVInit or OpenCVInit before it')
        seconds, length = _frame_times(results)  # (N, )
        duration = results['duration']
        if not math.isfinite(duration):
            results['duration'] = length
        elif abs(duration - length) > max(TOLERANCE_SECONDS,
                                          TOLERANCE_SHARE * duration):
            raise ValueError(
                f'video {name!r} at {results.get("filename")!r} must last '
                f'{duration:.2f} seconds, as the annotations say, but has '
                f'{length:.2f}; it is cut off or another one: replace it, '
                'correct the annotations, or leave it out by exclude')
        fps = results['fps'] = results['fps'] or len(seconds) / length
        if self.num_cells is not None:
            count, shift = self.num_cells, 0.5
            stride = length * fps / count
            results.update(feat_stride=stride, feat_num_frames=stride)
        elif results['feat_stride'] is None:
            raise ValueError('feat_stride of the data set must be a number '
                             'unless SampleCellFrames has num_cells, but got '
                             'None')
        else:
            stride, shift = results['feat_stride'], 0.
            # a rate is known to a few digits
            count = max(int(length * fps / stride + 1e-3), 1)
        step = stride / self.frames_per_cell
        if results['feat_num_frames'] is None:
            results['feat_num_frames'] = self.window(stride)
        frames = (np.arange(count * self.frames_per_cell) + shift) * step
        frames -= shift  # a frame is shown for its own half before and after
        results['feats'] = _nearest(seconds, frames / fps).reshape(
            count, self.frames_per_cell)  # (T, k)
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(frames_per_cell='
                f'{self.frames_per_cell}, num_cells={self.num_cells})')


@TRANSFORMS.register_module()
class SelectFrames(BaseTransform):
    """Tell the decoders of MMAction2 which frames the cells show.

    Required Keys:

    - feats (ndarray): indices of frames, (T, k)

    Added Keys:

    - frame_inds (ndarray): (T k, ) int64
    - clip_len, num_clips, frame_interval, start_index, offset, modality: one
      clip of all of them, in RGB
    """

    def transform(self, results: dict) -> dict:
        """Add ``frame_inds``.

        Args:
            results (dict): Result dict.

        Returns:
            dict: The same dict.
        """
        frames = results['feats'].reshape(-1)
        results.update(
            frame_inds=frames,
            clip_len=len(frames),
            num_clips=1,
            frame_interval=1,
            start_index=0,
            offset=0,
            modality='RGB')
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


@TRANSFORMS.register_module()
class DecodeInPieces(BaseTransform):
    """Decode and transform a long video piece by piece.

    Between the steps are the frames of one piece in the size of the file, and
    of all others what the last step has left of them. What steps draw at
    random is the same for all pieces.

    Required Keys:

    - frame_inds (ndarray): (N, )
    - video_reader, and what else the steps need

    Added Keys:

    - imgs (list[ndarray]): N frames, (H, W, 3)

    Args:
        transforms (Sequence[dict]): Configs of a decoder and of steps on
            single frames.
        num_frames (int): Of a piece. Defaults to 256.

    Raises:
        ValueError: If ``num_frames`` is below 1.
    """

    def __init__(self,
                 transforms: Sequence[dict],
                 num_frames: int = 256) -> None:
        check_at_least('num_frames', num_frames)
        self.transforms = Compose(transforms)
        self.num_frames = num_frames

    def transform(self, results: dict) -> dict:
        """Add ``imgs``.

        Args:
            results (dict): Result dict.

        Returns:
            dict: The same dict.
        """
        whole, imgs = results['frame_inds'], []
        rng = results.get('rng')
        for start in range(0, len(whole), self.num_frames):
            frames = whole[start:start + self.num_frames]
            piece = dict(results, frame_inds=frames, clip_len=len(frames))
            with nullcontext() if rng is None else drawing_from(rng):
                piece = self.transforms(piece)
            imgs.extend(piece['imgs'])
        results.update(piece, imgs=imgs, frame_inds=whole, clip_len=len(whole))
        return results

    def __repr__(self) -> str:
        steps = ', '.join(map(repr, self.transforms.transforms))
        return (f'{type(self).__name__}(transforms=[{steps}], '
                f'num_frames={self.num_frames})')


def _frame_times(results: dict) -> tuple:
    """Seconds at which the frames of a file are shown, (N, ), and its length.

    decord knows the time stamps. Of others, all frames last equally long.
    """
    reader, total = results.get('video_reader'), results['total_frames']
    if total < 1:
        raise ValueError(f"video {results['video_id']!r} must have frames, "
                         f'but got {total}; replace it')
    if hasattr(reader, 'get_frame_timestamp'):
        spans = np.asarray(
            reader.get_frame_timestamp(range(total)), dtype=np.float64)
        seconds = spans[:, 0] - spans[0, 0]
        if total > 1 and seconds[-1] > 0:
            return seconds, seconds[-1] * total / (total - 1)
    fps = _file_rate(reader) or results.get('avg_fps') or results['fps']
    if not fps:
        raise ValueError(f"fps of video {results['video_id']!r} must be in "
                         'the annotation file, or be set in the data set, as '
                         'its file does not say it')
    return np.arange(total) / fps, total / fps


def _file_rate(reader: Any) -> Optional[float]:
    """Frames per second, as OpenCV or PyAV tells them."""
    fps = getattr(reader, 'fps', None)
    if fps is None and hasattr(reader, 'streams'):
        fps = reader.streams.video[0].average_rate
    return float(fps) if fps else None


def _nearest(seconds: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Index of the frame that is nearest to each time, the earlier of two."""
    middles = (seconds[1:] + seconds[:-1]) / 2
    # a time that is a frame's own must not become the next one by rounding
    return np.searchsorted(middles, times - 1e-6)
