from functools import partial
from typing import Any, Callable, List, Optional, Sequence, Union

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.checks import check_at_least, check_choice
from dyfadet_mm.utils.typing import (ConfigType, OptConfigType, OptMultiConfig,
                                     TensorTuple)
from dyfadet_mm.utils.weights import load_weights
from .clips import clip_frames, pool
from .freezing import freeze, still_norms
from .memory import check_memory, count_channels
from .stages import take_apart
from .temporal_adapter import TemporalAdapter

MODES = ('chunk', 'snippet', 'frame')


@MODELS.register_module()
class FrameEncoder(BaseModule):
    """Features of frames, by any backbone of MMAction2.

    The frames of a video become N clips:

    ============= ============================= ============================
    ``mode``      clips                         features of a clip
    ============= ============================= ============================
    ``'chunk'``   ``clip_len`` frames, one clip (C, t), joined along time
                  after the other
    ``'snippet'`` ``clip_len`` frames around    (C, ), one cell
                  the centre of every cell
    ``'frame'``   the frame at the centre of    (C, ), one cell
                  every cell, as images
    ============= ============================= ============================

    Features are averaged over space, and in the last two modes over time.
    What was joined is interpolated to the cells of the grid. A clip that
    reaches beyond the frames repeats the first or the last one. Clips see
    each other through adapters only.

    Args:
        backbone (dict): A backbone for clips (N, 3, T, H, W), or in the mode
            ``'frame'`` for images (N, 3, H, W).
        mode (str): See above. Defaults to ``'chunk'``.
        clip_len (int, optional): Frames of a clip, to be given unless
            ``mode`` is ``'frame'``. Defaults to None.
        adapters (dict, optional): Arguments of :class:`TemporalAdapter`, and
            ``index``, the stages or blocks of the backbone behind which they
            are, from 0. For ``VisionTransformer`` of VideoMAE, ``ResNet3d``
            and those derived from it, in the mode ``'chunk'``. Defaults to
            None.
        train_mode (str | int): What is trained: ``'full'``, all;
            ``'adapters'``, these and what lies behind the last stage; a
            number n, the last n stages as well; ``'frozen'``, nothing.
            Defaults to ``'full'``.
        norm_eval (bool): Whether all batch norms use their running statistics
            in training, as those that are frozen do. Defaults to False.
        clips_at_once (int, optional): Clips of a video that are computed at a
            time in training. What is inside of them is not kept, but computed
            again in the backward pass. Defaults to None, all, and kept.
        checkpoint_blocks (bool): Whether every stage or block keeps only its
            input, likewise. For the backbones that can have adapters.
            Defaults to False.
        pretrained (str, optional): Path or URL of a checkpoint of a
            recognizer with this backbone. Defaults to None.
        mean (Sequence[float]): Of the colours, which are 0 to 255. Defaults
            to that of ImageNet.
        std (Sequence[float]): Likewise.

    Raises:
        ValueError: If an argument is out of range, or does not fit the
            backbone.

    Reference:
        Liu et al., End-to-End Temporal Action Detection with 1B Parameters
        Across 1000 Frames, CVPR 2024.
    """

    def __init__(self,
                 backbone: ConfigType,
                 mode: str = 'chunk',
                 clip_len: Optional[int] = None,
                 adapters: OptConfigType = None,
                 train_mode: Union[str, int] = 'full',
                 norm_eval: bool = False,
                 clips_at_once: Optional[int] = None,
                 checkpoint_blocks: bool = False,
                 pretrained: Optional[str] = None,
                 mean: Sequence[float] = (123.675, 116.28, 103.53),
                 std: Sequence[float] = (58.395, 57.12, 57.375),
                 init_cfg: OptMultiConfig = None) -> None:
        super().__init__(init_cfg)
        check_choice('mode', mode, MODES)
        if (clip_len is None) != (mode == 'frame'):
            raise ValueError('clip_len must be given in all modes but '
                             f"'frame', but got {clip_len} with {mode!r}")
        for name, value in (('clip_len', clip_len), ('clips_at_once',
                                                     clips_at_once)):
            if value is not None:
                check_at_least(name, value)
        if mode != 'chunk' and (adapters or checkpoint_blocks):
            raise ValueError('mode must be \'chunk\' with adapters and '
                             f'checkpoint_blocks, but got {mode!r}')
        self.mode, self.clip_len = mode, clip_len or 1
        self.norm_eval, self.train_mode = norm_eval, train_mode
        self.clips_at_once = clips_at_once
        self.checkpoint_blocks = checkpoint_blocks
        self.pretrained = pretrained
        for name, value in (('mean', mean), ('std', std)):
            value = torch.tensor(value, dtype=torch.float32)
            self.register_buffer(
                name, value.view(-1, 1, 1, 1), persistent=False)
        self.backbone = _build(backbone)
        self.adapter_index: List[int] = []
        if adapters:
            self._add_adapters(**adapters)
        if checkpoint_blocks:
            take_apart(self.backbone)
        freeze(self.backbone, train_mode)
        self.train()
        #: Channels of the features, None if they depend on the frames.
        self.out_channels = count_channels(self)
        self._fitting = 0  # most pixels of a batch for which memory is enough

    def _add_adapters(self, index: Sequence[int], **options: Any) -> None:
        """Put adapters into the backbone."""
        parts = take_apart(self.backbone)
        last = len(parts.stages) - 1
        if not set(index) <= set(range(last + 1)):
            raise ValueError(f'adapters.index must lie within 0 to {last}, '
                             f'but got {list(index)}')
        self.adapter_index = sorted(set(index))
        for number in self.adapter_index:
            parts.holders[number].adapter = TemporalAdapter(
                parts.channels[number], **options)

    def init_weights(self) -> None:
        """Draw weights, and load those of ``pretrained``.

        Raises:
            ValueError: If weights are missing or of another shape.
        """
        super().init_weights()
        if self.pretrained is not None:
            load_weights(self, self.pretrained, without='.adapter.')

    def train(self, mode: bool = True) -> 'FrameEncoder':
        """Set training mode, in which what is frozen stays as it is.

        Args:
            mode (bool): Whether to train. Defaults to True.

        Returns:
            FrameEncoder: Itself.

        Raises:
            ValueError: If batch norms would count what is computed twice.
        """
        super().train(mode)
        if self.train_mode == 'frozen':
            self.backbone.eval()
        still_norms(self, self.norm_eval)
        if (self.clips_at_once or self.checkpoint_blocks) and any(
                isinstance(each, _BatchNorm) and each.training
                for each in self.modules()):
            raise ValueError(
                'norm_eval must be True with clips_at_once and '
                'checkpoint_blocks, as batch norms would count clips twice')
        return self

    def forward(self, frames: Tensor, masks: Tensor) -> Tensor:
        """Encode the frames of videos.

        Args:
            frames (Tensor): RGB, uint8, (B, 3, T, H, W).
            masks (Tensor): Valid cells, bool, (B, ``window``).

        Returns:
            Tensor: Features, zero on padding, float32 (or of the weights, if
            that is finer), (B, C, ``window``).

        Raises:
            ValueError: If frames are too few or cannot be divided into clips,
                or too many for the memory of the device.
        """
        if frames.ndim != 5 or frames.size(1) != len(self.mean):
            raise ValueError(f'frames must be (B, {len(self.mean)}, T, H, W), '
                             f'but got {tuple(frames.shape)}')
        window = masks.size(1)
        clips = clip_frames(self.mode, self.clip_len, frames.size(2), window)
        if self.training and frames.numel() > self._fitting:
            check_memory(self, frames, window)
            self._fitting = frames.numel()
        groups = clips.to(frames.device).split(
            self.clips_at_once or len(clips))
        again = self.clips_at_once is not None
        pieces = [
            _run(self._begin, frames, each, again=again) for each in groups
        ]
        for number in range(len(self.adapter_index)):
            # a step of time on either side is all that an adapter reads of
            # its neighbours, so that clips can still be computed in turn
            before = [None, *(x[:, -1, -1:] for x in pieces[:-1])]
            after = [*(x[:, 0, :1] for x in pieces[1:]), None]
            go_on = partial(self._go_on, number)
            pieces = [
                _run(go_on, *each, again=again)
                for each in zip(pieces, before, after)
            ]
        feats = torch.cat([
            F.interpolate(torch.cat(x, 2), window, mode='linear')
            for x in zip(*pieces)
        ], 1)
        return feats * masks[:, None]

    def frames_at_once(self, num_frames: int, window: int) -> int:
        """How many frames of a video are computed at a time.

        Args:
            num_frames (int): T, all frames.
            window (int): Cells.

        Returns:
            int: Frames, without those that a snippet has beside its cell.
        """
        clip = self.clip_len if self.mode == 'chunk' else num_frames // window
        return min((self.clips_at_once or num_frames) * clip, num_frames)

    def _begin(self, frames: Tensor,
               clips: Tensor) -> Union[Tensor, TensorTuple]:
        """Compute clips up to the first adapter.

        Args:
            frames (Tensor): (B, 3, T, H, W).
            clips (Tensor): Indices of frames, (n, L).

        Returns:
            Tensor | tuple[Tensor]: Maps (B, n, t, h, w, C) of the stage, or
            in the end features (B, C, n t).
        """
        x = frames[:, :, clips].transpose(1, 2).flatten(0, 1)
        # (B n, 3, L, H, W), a copy
        x = x.to(self.mean.dtype).sub_(self.mean).div_(self.std)
        if self.mode == 'frame':
            x = x.squeeze(2)
        if not (self.adapter_index or self.checkpoint_blocks):
            return self._end(self.backbone(x), len(frames))
        maps = take_apart(self.backbone).stem(x)
        return self._stages(maps.unflatten(0, (len(frames), -1)), 0)

    def _go_on(self, number: int, maps: Tensor, before: Optional[Tensor],
               after: Optional[Tensor]) -> Union[Tensor, TensorTuple]:
        """Compute clips from an adapter to the next one."""
        holders = take_apart(self.backbone).holders
        adapter = holders[self.adapter_index[number]].adapter
        x = _run(
            adapter,
            maps.flatten(1, 2),
            before,
            after,
            again=self.checkpoint_blocks)
        return self._stages(x.view_as(maps), number + 1)

    def _stages(self, maps: Tensor, number: int) -> Union[Tensor, TensorTuple]:
        """Run the stages before the adapter of this number, or all left."""
        parts = take_apart(self.backbone)
        cuts = [0, *(x + 1 for x in self.adapter_index), len(parts.stages)]
        x = maps.flatten(0, 1)
        for index in range(cuts[number], cuts[number + 1]):
            x = _run(parts.stage, index, x, again=self.checkpoint_blocks)
        if number < len(self.adapter_index):
            return x.unflatten(0, maps.shape[:2])
        return self._end(parts.end(x), len(maps))

    def _end(self, outputs: Any, num_videos: int) -> TensorTuple:
        """Pool the outputs for clips (B n, ...) and join them along time."""
        return tuple(
            # at least float32, whatever the backbone computes in
            x.to(torch.promote_types(x.dtype, torch.float32)).unflatten(
                0, (num_videos, -1)).transpose(1, 2).flatten(2)
            for x in pool(outputs, self.mode))


def _build(cfg: ConfigType) -> nn.Module:
    """Build a backbone, whose parts are of its own scope as well."""
    if isinstance(cfg['type'], str) and '.' in cfg['type']:
        cfg = dict(dict(_scope_=cfg['type'].split('.')[0]), **cfg)
    return MODELS.build(cfg)


def _run(function: Callable, *inputs: Any, again: bool) -> Any:
    """Run a part, which keeps its inputs alone if it will be run again."""
    if again and torch.is_grad_enabled():
        return checkpoint(function, *inputs, use_reentrant=False)
    return function(*inputs)
