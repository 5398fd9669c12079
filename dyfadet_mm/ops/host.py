"""From the device of a model to the CPU, waiting once."""
from typing import Any, Callable, Iterator, List, Sequence

import torch
from mmengine.structures import InstanceData
from torch import Tensor


def is_on_host(tensor: Tensor) -> bool:
    """Whether its values are there without waiting for a device."""
    return tensor.is_cpu


@torch.no_grad()
def to_host(tensors: Sequence[Tensor]) -> List[Tensor]:
    """Copy tensors of one device to the CPU, all in one copy."""
    if all(map(is_on_host, tensors)):
        return list(tensors)
    packed = torch.cat([
        tensor.contiguous().flatten().view(torch.uint8) for tensor in tensors
    ]).cpu()
    parts = packed.split([each.numel() * each.itemsize for each in tensors])
    return [
        part.clone().view(tensor.dtype).view(tensor.shape)
        for part, tensor in zip(parts, tensors)
    ]


def to_float(tensor: Tensor) -> Tensor:
    """Numbers that NumPy computes with, float32 if they are not float64."""
    tensor = tensor.detach()
    return tensor if tensor.dtype == torch.double else tensor.float()


def detect_batch(postprocessor: Callable, videos: Sequence[Any],
                 metainfos: Sequence[dict]) -> Iterator[InstanceData]:
    """Detect in the videos of a batch, waiting for their device once.

    A postprocessor takes segments and scores of every level of a video, and
    its metainfo. One with ``collect`` and ``detect``, as
    :class:`SegmentPostprocessor`, brings the candidates of all videos to the
    CPU together. Detections are on the device of the levels.
    """
    detect, device = postprocessor, videos[0][0][1].device
    if hasattr(postprocessor, 'collect'):
        videos, detect = postprocessor.collect(videos), postprocessor.detect
    for video, metainfo in zip(videos, metainfos):
        yield detect(video, metainfo).to(device, non_blocking=True)
