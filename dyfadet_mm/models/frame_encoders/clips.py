"""Clips of a video, and what a backbone makes of them."""
from typing import Any

import torch
from torch import Tensor

from dyfadet_mm.utils.backbone_outputs import maps_of
from dyfadet_mm.utils.typing import TensorTuple


def clip_frames(mode: str, clip_len: int, num_frames: int,
                window: int) -> Tensor:
    """Which frames make the clips of a video.

    Args:
        mode (str): Of a :class:`FrameEncoder`.
        clip_len (int): L, frames of a clip.
        num_frames (int): T, frames of the video.
        window (int): Cells of its grid.

    Returns:
        Tensor: Indices of the frames, int64, (N, L).

    Raises:
        ValueError: If they cannot be divided.
    """
    if mode == 'chunk':
        if num_frames < clip_len:
            raise ValueError(
                f'frames must fill at least one chunk of {clip_len} '
                f'(clip_len), but got {num_frames}; repeat the last frame of '
                'shorter videos')
        if num_frames % clip_len:
            raise ValueError(
                'clip_len must divide the frames of a crop, but got '
                f'{num_frames} frames with clip_len={clip_len}; crop or pad '
                f'to {num_frames // clip_len * clip_len} or '
                f'{(num_frames // clip_len + 1) * clip_len} frames')
        return torch.arange(num_frames).view(-1, clip_len)
    stride, rest = divmod(num_frames, window)
    if rest or not stride:
        raise ValueError(
            f'frames must be a multiple of the {window} cells in the mode '
            f'{mode!r}, but got {num_frames}')
    # centred where the cell is, or half a frame before
    first = torch.arange(window) * stride + (stride - clip_len) // 2
    return (first[:, None] + torch.arange(clip_len)).clamp(0, num_frames - 1)


def pool(outputs: Any, mode: str) -> TensorTuple:
    """Average over space, and over the time of a clip that is one cell.

    Args:
        outputs (Tensor | Sequence): Of a backbone, for M clips. Class tokens
            (M, C) beside maps are left out.
        mode (str): Of a :class:`FrameEncoder`.

    Returns:
        tuple[Tensor]: (M, C, t), one for each map.

    Raises:
        ValueError: If chunks have no time axis.
    """
    maps = maps_of(outputs)
    if mode != 'chunk':
        return tuple(
            each.unsqueeze(-1).flatten(2).mean(2, True) for each in maps)
    for each in maps:
        if each.ndim not in (3, 5):
            raise ValueError(
                'the backbone must give features with a time axis, (N, C, t) '
                'or (N, C, t, h, w), in the mode \'chunk\', but gives '
                f'{tuple(each.shape)}; let it return feature maps, as '
                'VisionTransformer does with return_feat_map=True, or use the '
                'mode \'snippet\' or \'frame\'')
    return tuple(each if each.ndim == 3 else each.mean((3, 4))
                 for each in maps)
