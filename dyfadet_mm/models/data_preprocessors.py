import math
from typing import Dict, List, Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from mmengine.model import BaseDataPreprocessor, ModuleList
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Padding, pad_cells
from dyfadet_mm.utils.checks import check_choice, check_share
from dyfadet_mm.utils.typing import ConfigType, SampleList

__all__ = ['SwapActions', 'TADDataPreprocessor']

# classes of neighbouring cells, none in the background, and these cells
Run = Tuple[Tuple[int, ...], slice]


@MODELS.register_module()
class TADDataPreprocessor(BaseDataPreprocessor):
    """Stack videos of different lengths into one batch.

    The batch is padded to its longest video, and further as ``pad_to`` says:

    - ``'max_seq_len'``: at least to that length, as published, and a longer
      batch to a multiple of ``size_divisor``. The published encoder's
      statistics cover padding, so it is part of a video's result.
    - ``'divisor'``: to a multiple of ``size_divisor`` only. The detector then
      ignores padding, which changes what published weights detect.

    What padding counts for in the detector is the attribute ``padding``.

    The metainfo of each data sample receives ``feat_len``, the valid cells,
    and ``padded_len``, the length that the video would have alone.

    Args:
        max_seq_len (int): Cells of the shortest batch. Defaults to 2304.
        size_divisor (int): Divisor of longer batches: the stride of the
            coarsest level times the encoder's window. Defaults to 32.
        input_noise (float): Standard deviation of the Gaussian noise added in
            training, padding included. Defaults to 0.
        pad_to (str): See above. Defaults to ``'max_seq_len'``.
        padding (str): What padding to ``'max_seq_len'`` counts for:
            ``'published'``, ``'opentad'``, ``'masked'`` or ``'ignored'``,
            see :class:`Padding`. Defaults to ``'published'``.
        channel_dropout (float): Share of the channels of a video that become
            zero in training, in [0, 1); others are scaled up. Defaults to 0.
        batch_augments (Sequence[dict]): What is done in training to the
            videos of a batch before they are padded, such as
            :class:`SwapActions`. Defaults to ().
        mean (Sequence[float], optional): Of the three colours of frames, 0 to
            255. Frames stay uint8 here: the frame encoder, which takes these
            over, normalises them clip by clip. Defaults to None, its own.
        std (Sequence[float], optional): Likewise.
        non_blocking (bool): Of copies to the device. Defaults to False.

    Raises:
        ValueError: If ``pad_to`` or ``padding`` is none of these, or
            ``channel_dropout`` is out of its range.
    """

    def __init__(self,
                 max_seq_len: int = 2304,
                 size_divisor: int = 32,
                 input_noise: float = 0.,
                 pad_to: str = 'max_seq_len',
                 padding: str = 'published',
                 channel_dropout: float = 0.,
                 batch_augments: Sequence[ConfigType] = (),
                 mean: Optional[Sequence[float]] = None,
                 std: Optional[Sequence[float]] = None,
                 non_blocking: bool = False) -> None:
        super().__init__(non_blocking)
        check_choice('pad_to', pad_to, ('max_seq_len', 'divisor'))
        check_choice('padding', padding, [each.value for each in Padding])
        check_share('channel_dropout', channel_dropout, below_one=True)
        self.padding = Padding('ignored' if pad_to == 'divisor' else padding)
        self.pad_to = pad_to
        self.max_seq_len = max_seq_len
        self.size_divisor = size_divisor
        self.input_noise = input_noise
        self.channel_dropout = channel_dropout
        self.batch_augments = ModuleList(map(MODELS.build, batch_augments))
        self.mean, self.std = mean, std

    def padded_len(self, length: int) -> int:
        """Cells that a video has alone in its batch, with padding."""
        if self.pad_to == 'max_seq_len' and length <= self.max_seq_len:
            return self.max_seq_len
        return math.ceil(length / self.size_divisor) * self.size_divisor

    def forward(self, data: dict, training: bool = False) -> dict:
        """Pad, stack and add noise.

        Args:
            data (dict): ``inputs``, a list or batch of features (C, T) or of
                frames (3, T, k, H, W) uint8; it may have ``data_samples``.
            training (bool): Whether to perturb features. Defaults to False.

        Returns:
            dict: ``inputs``, features (B, C, T) float32 or frames
            (B, 3, T, k, H, W) uint8, and ``data_samples``.

        Raises:
            ValueError: If a video has another shape or no cell, or videos
                differ in channels or size.
        """
        videos = [self._check(each) for each in data['inputs']]
        samples = data.get('data_samples')
        if training:  # on the host, where the samples are
            for augment in self.batch_augments:
                videos, samples = augment(videos, samples)
        data = self.cast_data(dict(inputs=videos, data_samples=samples))
        videos, samples = data['inputs'], data['data_samples']
        lengths = [each.size(1) for each in videos]
        padded = [self.padded_len(length) for length in lengths]
        if len({(each.size(0), *each.shape[2:]) for each in videos}) > 1:
            shapes = ', '.join(str(tuple(each.shape)) for each in videos)
            raise ValueError('features of one batch must have the same number '
                             'of channels, frames of one batch must have the '
                             f'same size, but got {shapes}')
        inputs = torch.stack([pad_cells(x, max(padded)) for x in videos])
        if inputs.ndim == 3:
            inputs = inputs.float()
            if training:
                inputs = self.perturb(inputs)
        for sample, length, total in zip(samples or (), lengths, padded):
            sample.set_metainfo(dict(feat_len=length, padded_len=total))
        return dict(inputs=inputs, data_samples=samples)

    def perturb(self, feats: Tensor) -> Tensor:
        """Drop channels of (B, C, T) and add noise, as in training."""
        if self.channel_dropout > 0:
            feats = F.dropout1d(feats, self.channel_dropout)
        if self.input_noise > 0:
            feats = feats + self.input_noise * torch.randn_like(feats)
        return feats

    @staticmethod
    def _check(video: Tensor) -> Tensor:
        """The video itself; refuses all that is no video."""
        if video.numel() > 0 and (video.ndim == 2 or
                                  (video.ndim == 5 and len(video) == 3
                                   and video.dtype == torch.uint8)):
            return video
        raise ValueError(
            'inputs must be features (C, T), or uint8 frames (3, T, k, H, W), '
            f'with at least one cell, but got {tuple(video.shape)} of '
            f'{video.dtype}')


@MODELS.register_module()
class SwapActions(nn.Module):
    """Replace actions by others of the same class, of any video of the batch.

    So are the runs of background between them: a network cannot know a video
    by heart, as its parts keep their classes and their places, but neither
    their neighbours nor their cells. A longer run gives as many of its cells
    in a row as needed, a shorter one gives each of its cells several times.

    Args:
        prob (float): Of being replaced, for every run. A run may be replaced
            by itself. Defaults to 0.5.
        shuffle_prob (float): Of getting its cells in any order, for every
            run: where an action is known by its cells, whatever comes first.
            Defaults to 0.

    Raises:
        ValueError: If a probability is not in [0, 1].
    """

    def __init__(self, prob: float = 0.5, shuffle_prob: float = 0.) -> None:
        super().__init__()
        check_share('prob', prob)
        check_share('shuffle_prob', shuffle_prob)
        self.prob, self.shuffle_prob = prob, shuffle_prob

    def forward(self, inputs: List[Tensor],
                data_samples: SampleList) -> Tuple[List[Tensor], SampleList]:
        """Swap runs of the videos of a batch.

        Args:
            inputs (list[Tensor]): Features (C, T) or frames (3, T, k, H, W)
                of every video, without padding, which stay as they are.
            data_samples (Sequence[BaseDataElement]): With ``gt_instances``:
                ``grid_segments`` (N, 2) on the feature grid and ``labels``
                (N,).

        Returns:
            tuple: New inputs of the same shapes, and the same data samples.
        """
        runs = [
            find_runs(sample, video.size(1))
            for video, sample in zip(inputs, data_samples)
        ]
        pool: Dict[Tuple[int, ...], List[Tensor]] = {}
        for video, parts in zip(inputs, runs):
            for labels, cells in parts:
                pool.setdefault(labels, []).append(video[:, cells])
        outputs = []
        for video, parts in zip(inputs, runs):
            video = video.clone()
            for labels, cells in parts:
                run = video[:, cells]  # a view
                if torch.rand(()) < self.prob:
                    same = pool[labels]
                    source = same[torch.randint(len(same), ())]
                    run.copy_(resize_run(source, run.size(1)))
                if torch.rand(()) < self.shuffle_prob:
                    run.copy_(run[:, torch.randperm(run.size(1))])
            outputs.append(video)
        return outputs, data_samples


def find_runs(sample: BaseDataElement, num_cells: int) -> List[Run]:
    """The runs of a video, in order, which together are all its cells."""
    gt = sample.gt_instances
    cells = torch.arange(num_cells)
    inside = (
        (gt.grid_segments[:, :1] <= cells) & (cells <= gt.grid_segments[:, 1:])
    )  # (N, T)
    classes = gt.labels.unique()
    counts = (classes[:, None] == gt.labels).float() @ inside.float()
    has = counts > 0  # (classes, T)
    changes = (has[:, 1:] != has[:, :-1]).any(0).nonzero()[:, 0] + 1
    edges = [0, *changes.tolist(), num_cells]
    return [(tuple(classes[has[:, start]].tolist()), slice(start, end))
            for start, end in zip(edges, edges[1:])]


def resize_run(source: Tensor, length: int) -> Tensor:
    """So many cells of a run, (C, M, ...) to (C, ``length``, ...)."""
    num_cells = source.size(1)
    if num_cells >= length:
        first = int(torch.randint(num_cells - length + 1, ()))
        return source[:, first:first + length]
    return source[:, torch.arange(length) * num_cells // length]
