"""From the device of a model to the CPU, waiting once."""
from typing import List, Sequence

import torch
from torch import Tensor


def is_on_host(tensor: Tensor) -> bool:
    """Whether its values are there without waiting for a device."""
    return tensor.is_cpu


@torch.no_grad()
def to_host(tensors: Sequence[Tensor]) -> List[Tensor]:
    """Copy tensors to the CPU, all in one copy.

    Args:
        tensors (Sequence[Tensor]): Of one device, any shapes and dtypes.

    Returns:
        list[Tensor]: The same on the CPU.
    """
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
