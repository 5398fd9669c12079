"""Detections while a video is still running, in bounded memory."""
import math
from typing import Iterable, Iterator, List, NamedTuple, Optional, Tuple, Union

import numpy as np
import torch
from torch import Tensor

from dyfadet_mm.models import SingleStageTAD
from dyfadet_mm.models.detectors.windows import SlidingWindows, own_points
from dyfadet_mm.models.postprocessors import SegmentPostprocessor
from dyfadet_mm.ops.checks import check_number
from dyfadet_mm.structures import grid_to_seconds
from dyfadet_mm.utils.typing import OptConfigType
from .soft_nms_stream import SoftNmsStream

# suppression that keeps all
KEEP_ALL = dict(method='linear', iou_threshold=2., min_score=0.)

Feats = Union[np.ndarray, Tensor]
Array = Union[float, np.ndarray]


class StreamDetection(NamedTuple):
    """An action, found while the video is running."""

    #: Start and end in seconds.
    segment: Tuple[float, float]
    #: Class.
    label: int
    #: Score after suppression.
    score: float
    #: Seconds of the stream that had been seen.
    at: float
    #: Whether nothing that was unknown at some time could have changed it.
    exact: bool


class DetectionStream:
    """Detects in a stream of features, and gives an action once it is final.

    Windows are those of :class:`SlidingWindows`. Each is computed as soon as
    its last cell is there, and padded like a video of its own. A detection is
    final when no later candidate can change it. This can be known because a
    candidate is expected to begin inside its window, or at most ``margin``
    cells before it. As long as every detection is ``exact``, all of them
    together are those of ``model.predict`` with the same windows, within
    rounding; docs/streaming.md says what differs in limits per video.

    Memory holds the last ``size`` cells, the output of one window, and at
    most ``max_pending`` candidates that wait and as many detections.

    Args:
        model (SingleStageTAD): In evaluation mode.
        fps (float): Frames per second.
        feat_stride (float): Frames between two cells.
        feat_num_frames (float): Frames one cell has seen.
        window (dict, optional): ``size`` (cells) and ``overlap`` (share).
            Defaults to None: the windows of the model, or if it has none,
            ``max_seq_len`` of its data preprocessor as the size.
        score_thr (float, optional): Detections score more than this. Defaults
            to None, as in ``predict``.
        margin (float): See above; delays all detections. Defaults to 0.
        max_wait (float, optional): Seconds after :attr:`delay` when a
            detection is given though it is not final. Defaults to None, as
            long as a window.
        max_pending (int): See above. The candidates that end first give way.
            Defaults to 20000.
        channels_first (bool): Whether chunks are (C, n) or (n, C). Defaults
            to True.

    Raises:
        ValueError: If the model cannot be used on a stream, or a number is
            out of range.

    Example:
        >>> stream = DetectionStream(  # doctest: +SKIP
        ...     model, fps=30., feat_stride=4, feat_num_frames=16)
        >>> for feats in chunks:  # doctest: +SKIP
        ...     for found in stream.push(feats):
        ...         print(found.segment, found.label, found.score)
        >>> rest = stream.close()  # doctest: +SKIP
    """

    def __init__(self,
                 model: SingleStageTAD,
                 fps: float,
                 feat_stride: float,
                 feat_num_frames: float,
                 window: OptConfigType = None,
                 score_thr: Optional[float] = None,
                 margin: float = 0.,
                 max_wait: Optional[float] = None,
                 max_pending: int = 20000,
                 channels_first: bool = True) -> None:
        _check_model(model)
        self.model = model
        self.windows = _windows_of(model, window)
        self.fps = _positive('fps', fps)
        self.feat_stride = _positive('feat_stride', feat_stride)
        self.feat_num_frames = _positive('feat_num_frames', feat_num_frames)
        self.margin = _not_negative('margin', margin)
        if max_wait is None:
            max_wait = self.windows.size * self.feat_stride / self.fps
        self.max_wait = _not_negative('max_wait', max_wait)
        self.score_thr = -math.inf
        if score_thr is not None:
            self.score_thr = check_number('score_thr', score_thr)
        self.channels_first = channels_first
        max_pending = int(_positive('max_pending', max_pending))
        self._nms = _nms_of(model.postprocessor, self.score_thr, max_pending)
        self._voters = _Voters(model.postprocessor, max_pending)
        #: Cells that have been seen.
        self.num_cells = 0
        self._cells: Optional[Tensor] = None  # the last ones, (C, size)
        # the last window: its levels, its start, the first cell not taken
        self._levels, self._start, self._first = None, 0, 0
        self._is_closed = False

    @property
    def delay(self) -> float:
        """float: Most seconds from the end of an action to its detection.

        Of one that is not held up by a better one that it overlaps, which is
        not final; ``max_wait`` seconds later it is given in any case.
        """
        cells = self.windows.size + self.windows.step + self.margin
        return self._seconds_seen(cells) - self._seconds(0.)

    @property
    def num_candidates(self) -> int:
        """int: Candidates and detections in memory."""
        return len(self._nms) + len(self._voters)

    def push(self, feats: Feats) -> List[StreamDetection]:
        """Take the next cells.

        Args:
            feats (ndarray | Tensor): Features, (C, n), or (n, C) if
                ``channels_first`` is False.

        Returns:
            list[StreamDetection]: What is final now, by start.

        Raises:
            ValueError: If ``feats`` are not finite, or not of the channels of
                the model; nothing has been taken then. If the model gives
                numbers that are not finite.
            RuntimeError: If the stream is closed.
        """
        if self._is_closed:
            raise RuntimeError('stream must be open to take features, but has '
                               'been closed; make a new one')
        feats = self._check(feats)
        found = []
        while feats.size(1):
            # the cell where the next window ends
            end = self.windows.size
            if self._levels is not None:
                end += self._start + self.windows.step
            taken, feats = feats.tensor_split([end - self.num_cells], 1)
            self._store(taken)
            if self.num_cells == end:
                found += self._advance(end - self.windows.size)
        return found

    def close(self, duration: Optional[float] = None) -> List[StreamDetection]:
        """End the stream.

        Args:
            duration (float, optional): Seconds of the video, where detections
                end at the latest. Defaults to None, up to the end of the last
                cell.

        Returns:
            list[StreamDetection]: All other detections, by start.
        """
        if self._is_closed or self.num_cells == 0:
            self._is_closed = True
            return []
        self._is_closed = True
        last = self.windows.starts(self.num_cells)[-1]
        if self._levels is None or last > self._start:
            self._compute(last)
        self._take(None)
        return self._settle(math.inf, duration)

    def _check(self, feats: Feats) -> Tensor:
        """Features as (C, n) float32 on the CPU, or an error."""
        if isinstance(feats, np.ndarray):  # of any layout, or read-only
            feats = torch.from_numpy(np.array(feats, np.float32))
        feats = feats.detach().to('cpu', torch.float32)
        where = f'of the chunk that begins at cell {self.num_cells}'
        shape = tuple(feats.shape)
        if feats.ndim == 2 and not self.channels_first:
            feats = feats.T
        channels = getattr(self.model.backbone, 'in_channels', None)
        if self._cells is not None:
            channels = len(self._cells)
        if feats.ndim != 2 or channels not in (None, len(feats)):
            channels = channels or 'C'
            form = f'({channels}, n)' if self.channels_first else (
                f'(n, {channels})')
            raise ValueError(f'features {where} must be {form}, but are '
                             f'{shape}; see channels_first')
        is_wrong = ~feats.isfinite()
        if is_wrong.any():
            cell = int(is_wrong.any(0).nonzero()[0])
            channel = int(is_wrong[:, cell].nonzero()[0])
            number = self.num_cells + cell
            raise ValueError(
                f'features must be finite, but cell {number} '
                f'({self._seconds(number):.3f} s) has {feats[channel, cell]} '
                f'in channel {channel}; extract them again')
        return feats

    def _places(self, start: int, stop: int) -> Tensor:
        """Where cells are kept, each in the place of one ``size`` earlier."""
        return torch.arange(start, stop) % self.windows.size

    def _store(self, feats: Tensor) -> None:
        if self._cells is None:
            self._cells = feats.new_zeros(len(feats), self.windows.size)
        start, self.num_cells = self.num_cells, self.num_cells + feats.size(1)
        self._cells[:, self._places(start, self.num_cells)] = feats

    def _advance(self, start: int) -> List[StreamDetection]:
        """Compute a window that has all of its cells, and see what is final.

        Of its points, those are taken that are believed wherever the next
        window begins.
        """
        self._compute(start)
        self._take(
            self.windows.seam(start + self.windows.stride, self.num_cells))
        return self._settle(start - self.margin)

    def _compute(self, start: int) -> None:
        """Compute a window, and take the rest of the one before."""
        if self._levels is not None:
            end = self._start + self.windows.size
            self._take(self.windows.seam(start, end))
        feats = self._cells[:, self._places(start, self.num_cells)]
        self._levels, self._start = self.model.propose(feats), start

    def _take(self, end: Optional[int]) -> None:
        """Take candidates of the window, up to a cell or all."""
        last = None if end is None else end - self._start
        levels = own_points(self._levels, self._first - self._start, last)
        self._first = end
        postprocessor = self.model.postprocessor
        [candidates] = postprocessor.collect([levels])
        segments, scores, labels = postprocessor.filter(
            candidates,
            f'cells {self._start} to {self.num_cells - 1} of the stream')
        segments = segments.double() + self._start
        self._voters.add(segments, scores)
        wanted = scores > self.score_thr
        self._nms.add(*(each[wanted].numpy()
                        for each in (segments, scores, labels)))

    def _settle(self,
                horizon: float,
                duration: Optional[float] = None) -> List[StreamDetection]:
        """What is final as no later candidate begins before the horizon."""
        oldest = horizon - self.max_wait * self.fps / self.feat_stride
        rows = self._nms.settle(horizon, oldest)
        rows = rows[rows['score'] > self.score_thr]
        segments = np.column_stack((rows['start'], rows['end']))
        segments = self._voters.vote(segments)
        self._voters.forget(min(horizon, self._nms.first_pending))
        now = self._seconds_seen(self.num_cells)
        segments = self._seconds(segments).clip(
            0, now if duration is None else duration)
        found = [
            StreamDetection((start, end), label, score, now, exact)
            for (start, end), label, score, exact in zip(
                segments.tolist(), rows['label'].tolist(),
                rows['score'].tolist(), rows['exact'].tolist())
        ]
        return sorted(found)

    def _seconds(self, positions: Array) -> Array:
        """Positions on the feature grid in seconds."""
        return grid_to_seconds(positions, self.fps, self.feat_stride,
                               self.feat_num_frames)

    def _seconds_seen(self, num_cells: float) -> float:
        """Seconds of the video when so many cells are there."""
        frames = (num_cells - 1) * self.feat_stride + self.feat_num_frames
        return frames / self.fps


def stream_features(model: SingleStageTAD, chunks: Iterable[Feats],
                    **kwargs) -> Iterator[StreamDetection]:
    """Detect in features that come in chunks.

    Args:
        model (SingleStageTAD): In evaluation mode.
        chunks (Iterable[ndarray | Tensor]): Features of consecutive cells,
            any number of them in each chunk.
        kwargs: Further arguments of :class:`DetectionStream`.

    Yields:
        StreamDetection: As soon as it is final.
    """
    stream = DetectionStream(model, **kwargs)
    for feats in chunks:
        yield from stream.push(feats)
    yield from stream.close()


class _Voters:
    """Candidates that vote on boundaries, as long as they may overlap more."""

    def __init__(self, postprocessor: SegmentPostprocessor,
                 max_num: int) -> None:
        self.postprocessor = postprocessor
        self.max_num = max_num
        self.segments, self.scores = torch.zeros(0, 2).double(), torch.zeros(0)

    def __len__(self) -> int:
        return len(self.scores)

    def add(self, segments: Tensor, scores: Tensor) -> None:
        if self.postprocessor.votes:
            self.segments = torch.cat((self.segments, segments))
            self.scores = torch.cat((self.scores, scores))

    def vote(self, segments: np.ndarray) -> np.ndarray:
        return self.postprocessor.vote(
            torch.from_numpy(segments), self.segments, self.scores).numpy()

    def forget(self, oldest: float) -> None:
        """Keep what ends later, or the last ones of it."""
        ends = self.segments[:, 1]
        last = ends.argsort(descending=True)[:self.max_num]
        last = last[ends[last] > oldest]
        self.segments, self.scores = self.segments[last], self.scores[last]


def _nms_of(postprocessor: SegmentPostprocessor, score_thr: float,
            max_pending: int) -> SoftNmsStream:
    """Suppression as the postprocessor does it."""
    nms = dict(KEEP_ALL if postprocessor.nms is None else postprocessor.nms)
    nms.pop('max_num', None)
    nms['min_score'] = max(nms.get('min_score', 0.001), score_thr)
    return SoftNmsStream(**nms, max_pending=max_pending)


def _check_model(model: SingleStageTAD) -> None:
    """Refuse a model that needs the whole video at once."""
    if model.training:
        raise ValueError('model must be in evaluation mode to detect in a '
                         'stream, but is in training; call model.eval()')
    if model.score_fusion is not None:
        raise ValueError(
            'score_fusion must be None to detect in a stream, as it needs '
            'class scores of the whole video, but got '
            f'{type(model.score_fusion).__name__}; set model.score_fusion = '
            'None for detections without classes')
    if not hasattr(model.head, 'decode_by_feat') or not hasattr(
            model.postprocessor, 'filter'):
        raise ValueError(
            'head and postprocessor must give candidates to detect in a '
            'stream, as those of this package do, but got '
            f'{type(model.head).__name__} and '
            f'{type(model.postprocessor).__name__}')


def _windows_of(model: SingleStageTAD,
                window: OptConfigType) -> SlidingWindows:
    if window is None and model.windows is not None:
        return model.windows
    if window is None:
        size = getattr(model.data_preprocessor, 'max_seq_len', None)
        if size is None:
            raise ValueError('window must be given with a data preprocessor '
                             'that has no max_seq_len, but got None')
        window = dict(size=size)
    return SlidingWindows(**window, stride=2**(model.head.num_levels - 1))


def _positive(name: str, value: float) -> float:
    if check_number(name, value) <= 0:
        raise ValueError(f'{name} must be positive, but got {value}')
    return value


def _not_negative(name: str, value: float) -> float:
    if check_number(name, value) < 0:
        raise ValueError(f'{name} must be at least 0, but got {value}')
    return value
