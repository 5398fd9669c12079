"""How much memory a training step takes, found without taking it."""
import copy
import os
import weakref
from typing import Any, Dict, Optional, Sequence, Tuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def peak_memory(encoder: nn.Module,
                shape: Sequence[int],
                window: int,
                dtype: Optional[torch.dtype] = None) -> int:
    """Most bytes that a training step of a frame encoder holds at a time.

    Counted are activations and gradients; not the frames, the weights, the
    states of the optimizer, and what a kernel needs inside. Of more than four
    groups of clips that are computed in turn, the memory of all is found from
    that of three and four.

    Args:
        encoder (nn.Module): A :class:`FrameEncoder`.
        shape (Sequence[int]): Of the frames, (B, 3, T, H, W).
        window (int): Cells.
        dtype (torch.dtype, optional): To compute all in, for mixed precision.
            Defaults to None, that of the weights.

    Returns:
        int: Bytes.
    """
    batch, channels, total, *size = shape
    step = encoder.frames_at_once(total, window)
    if total <= 4 * step:
        return max(measure(encoder, shape, window, dtype))
    three, four = (
        measure(encoder, (batch, channels, n * step, *size),
                max(n * step * window // total, 1), dtype) for n in (3, 4))
    groups = -(-total // step)
    return max(a + (groups - 3) * (b - a) for a, b in zip(three, four))


def measure(encoder: nn.Module,
            shape: Sequence[int],
            window: int,
            dtype: Optional[torch.dtype] = None) -> Tuple[int, int]:
    """Run a training step without numbers; see :func:`peak_memory`.

    It runs on PyTorch's device ``meta``, where tensors have a shape alone.

    Returns:
        tuple[int, int]: Most bytes in the forward and the backward pass.
    """
    encoder = _without_numbers(encoder, dtype)
    frames = torch.empty(*shape, dtype=torch.uint8, device='meta')
    masks = torch.ones(shape[0], window, dtype=torch.bool, device='meta')
    with _Meter() as meter, torch.enable_grad():
        features = encoder(frames, masks)
        forward, meter.peak = meter.peak, meter.held
        if features.requires_grad:
            features.sum().backward()
    return forward, meter.peak


def count_channels(encoder: nn.Module) -> Optional[int]:
    """Channels of the features, found without computing one.

    Args:
        encoder (nn.Module): A :class:`FrameEncoder`.

    Returns:
        int, optional: C, None of a backbone that needs frames of its own size.

    Raises:
        ValueError: If its outputs are no features.
    """
    frames = torch.empty(
        1, 3, encoder.clip_len, 224, 224, dtype=torch.uint8, device='meta')
    masks = torch.ones(1, 1, dtype=torch.bool, device='meta')
    with torch.no_grad():
        try:
            return _without_numbers(encoder).eval()(frames, masks).size(1)
        except (AssertionError, NotImplementedError, RuntimeError, TypeError):
            return None


def _without_numbers(encoder: nn.Module,
                     dtype: Optional[torch.dtype] = None) -> nn.Module:
    """A copy on the device ``meta``, with weights of a type."""
    tensors: Dict[int, Tensor] = {}  # what takes the place of each weight
    for each in (*encoder.parameters(), *encoder.buffers()):
        kind = dtype if each.is_floating_point() else None
        empty = torch.empty_like(each, dtype=kind, device='meta')
        if isinstance(each, nn.Parameter):
            empty = nn.Parameter(empty, each.requires_grad)
        tensors[id(each)] = empty
    return copy.deepcopy(encoder, tensors)


def check_memory(encoder: nn.Module, frames: Tensor, window: int) -> None:
    """Refuse frames that do not fit into memory, before it is full.

    Args:
        encoder (nn.Module): A :class:`FrameEncoder`.
        frames (Tensor): (B, 3, T, H, W).
        window (int): Cells.

    Raises:
        ValueError: If a training step needs more than the device has.
    """
    device = frames.device
    there = device_memory(device)
    if there is None:
        return
    probe = torch.ones(1, 1, device=device)
    dtype = (probe @ probe).dtype  # that of mixed precision, if it is on
    if dtype == torch.float32:
        dtype = None
    needed = peak_memory(encoder, frames.shape, window, dtype)
    if needed > there:
        raise ValueError(
            f'frames of a batch must fit into the memory of {device}, '
            f'{there / 1e9:.1f} GB, but {tuple(frames.shape)} need about '
            f'{needed / 1e9:.1f} GB in the frame encoder; set '
            'clips_at_once=1, checkpoint_blocks=True, or use fewer or '
            'smaller frames or a smaller batch')


def device_memory(device: torch.device) -> Optional[int]:
    """All memory of a device, less what tensors hold already.

    Args:
        device (torch.device): CPU or GPU.

    Returns:
        int, optional: Bytes, None where they are not known.
    """
    if device.type == 'cuda':
        total = torch.cuda.mem_get_info(device)[1]
        return total - torch.cuda.memory_allocated(device)
    if device.type == 'cpu' and hasattr(os, 'sysconf'):
        return os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    return None


class _Meter(TorchDispatchMode):
    """Adds up the bytes of the tensors that live at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = self.held = 0
        self.live: Dict[int, weakref.finalize] = {}

    def __torch_dispatch__(self,
                           func: Any,
                           types: Any,
                           args: Tuple = (),
                           kwargs: Optional[dict] = None) -> Any:
        inputs = {
            id(each.untyped_storage())
            for each in tree_leaves((args, kwargs))
            if isinstance(each, Tensor)
        }
        outputs = func(*args, **(kwargs or {}))
        for each in tree_leaves(outputs):
            if isinstance(each, Tensor):
                storage = each.untyped_storage()
                if id(storage) not in inputs:  # a view takes nothing
                    self._add(storage)
        return outputs

    def _add(self, storage: torch.UntypedStorage) -> None:
        """Count a storage until it is freed."""
        key, size = id(storage), storage.nbytes()
        if key in self.live:
            return
        self.held += size
        self.peak = max(self.peak, self.held)
        self.live[key] = weakref.finalize(storage, self._remove, key, size)

    def _remove(self, key: int, size: int) -> None:
        """Stop counting it."""
        del self.live[key]
        self.held -= size
