"""Which form of an operator runs: the fast one, or its plain reference."""
import torch
from torch import Tensor


def is_traced() -> bool:
    """Whether a graph is being recorded, by a compiler, exporter or tracer.

    These take the plain references, which consist of PyTorch's operators.
    """
    tell = getattr(torch.compiler, 'is_compiling', None)  # torch >= 2.3
    return torch.jit.is_tracing() or (tell is not None and tell())


def compute_dtype(x: Tensor) -> torch.dtype:
    """The dtype in which a matrix product with ``x`` is computed.

    That of autocast for a float32 tensor under autocast, else that of ``x``.
    Autocast does not see into :class:`torch.autograd.Function`, and leaves
    element-wise operations in the dtype of their inputs.
    """
    device = x.device.type
    if device == 'meta':
        return x.dtype
    if hasattr(torch, 'get_autocast_dtype'):  # torch >= 2.4
        enabled = torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device)
    elif device == 'cpu':
        enabled = torch.is_autocast_cpu_enabled()
        dtype = torch.get_autocast_cpu_dtype()
    else:
        enabled = torch.is_autocast_enabled()
        dtype = torch.get_autocast_gpu_dtype()
    return dtype if enabled and x.dtype == torch.float32 else x.dtype
