import torch
from torch import Tensor


def compute_dtype(x: Tensor) -> torch.dtype:
    """The dtype in which a matrix product with ``x`` is computed.

    Autocast does not see into :class:`torch.autograd.Function`, and leaves
    element-wise operations in the dtype of their inputs.

    Args:
        x (Tensor): Features of any shape.

    Returns:
        torch.dtype: That of autocast for a float32 tensor under autocast,
        else that of ``x``.
    """
    device = x.device.type
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
