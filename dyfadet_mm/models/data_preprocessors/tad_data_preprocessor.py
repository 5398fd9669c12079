import math
from typing import List

import torch
import torch.nn.functional as F
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Padding

PAD_TO = ('max_seq_len', 'divisor')


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
            ``'published'``, ``'opentad'`` or ``'ignored'``, see
            :class:`Padding`. Defaults to ``'published'``.
        channel_dropout (float): Share of the channels of a video that become
            zero in training, in [0, 1); the others are scaled to make up for
            it. Defaults to 0.
        non_blocking (bool): Whether to copy to the device asynchronously.
            Defaults to False.

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
                 non_blocking: bool = False) -> None:
        super().__init__(non_blocking)
        if pad_to not in PAD_TO:
            raise ValueError(f'pad_to must be one of {PAD_TO}, but got '
                             f'{pad_to!r}')
        known = [each.value for each in Padding]
        if padding not in known:
            raise ValueError(f'padding must be one of {known}, but got '
                             f'{padding!r}')
        if not 0 <= channel_dropout < 1:
            raise ValueError('channel_dropout must be in [0, 1), but got '
                             f'{channel_dropout}')
        self.padding = Padding(padding)
        if pad_to == 'divisor':
            self.padding = Padding.IGNORED
        self.pad_to = pad_to
        self.max_seq_len = max_seq_len
        self.size_divisor = size_divisor
        self.input_noise = input_noise
        self.channel_dropout = channel_dropout

    def padded_len(self, length: int) -> int:
        """Cells that a video has alone in its batch, with padding."""
        if self.pad_to == 'max_seq_len' and length <= self.max_seq_len:
            return self.max_seq_len
        return math.ceil(length / self.size_divisor) * self.size_divisor

    def forward(self, data: dict, training: bool = False) -> dict:
        """Pad, stack and add noise.

        Args:
            data (dict): ``inputs``, a list of features (C, T) or a batch of
                them (B, C, T), and optionally ``data_samples``.
            training (bool): Whether to add noise. Defaults to False.

        Returns:
            dict: ``inputs`` (B, C, T) float32 and ``data_samples``.

        Raises:
            ValueError: If features are not (C, T) with at least one cell or
                the videos differ in C.
        """
        data = self.cast_data(data)
        feats = [self._check(feat) for feat in data['inputs']]
        samples = data.get('data_samples')
        lengths = [feat.size(1) for feat in feats]
        padded = [self.padded_len(length) for length in lengths]
        if len({feat.size(0) for feat in feats}) > 1:
            raise ValueError('features of one batch must have the same number '
                             f'of channels, but got {_shapes(feats)}')
        inputs = feats[0].new_zeros(len(feats), len(feats[0]), max(padded))
        for video, feat in zip(inputs, feats):
            video[:, :feat.size(1)] = feat
        if training and self.channel_dropout > 0:
            inputs = F.dropout1d(inputs, self.channel_dropout)
        if training and self.input_noise > 0:
            inputs = inputs + self.input_noise * torch.randn_like(inputs)
        for sample, length, total in zip(samples or (), lengths, padded):
            sample.set_metainfo(dict(feat_len=length, padded_len=total))
        return dict(inputs=inputs, data_samples=samples)

    @staticmethod
    def _check(feat: Tensor) -> Tensor:
        """Features as float32, (C, T), or an error that says what is wrong."""
        if feat.ndim != 2 or feat.numel() == 0:
            raise ValueError('inputs must be features (C, T) with at least '
                             f'one cell, but got {tuple(feat.shape)}')
        return feat.float()


def _shapes(feats: List[Tensor]) -> str:
    """Shapes for an error message."""
    return ', '.join(str(tuple(feat.shape)) for feat in feats)
