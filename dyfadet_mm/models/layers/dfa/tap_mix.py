from typing import Iterator, Optional, Tuple

import torch
from torch import Tensor, nn

from ..derived import Derived
from ..packing import ALL_ROWS, add_taps, tap_rows
from ..precision import compute_dtype

# numbers made at a time, few enough for the cache
BLOCK_SIZE = 2**20


class TapMix(nn.Conv1d):
    """``sum_s W_s (g M_s * x_s^q) + b``, a 1x1 convolution of C * K channels.

    The weighed taps ``g M_s * x_s^q`` live only while they are needed, for a
    block of rows at a time; the backward pass makes them again. The weight is
    stored as the published code stores it, the taps of a channel together.

    Args:
        in_channels (int): C.
        out_channels (int): O.
        num_taps (int): K.
    """

    def __init__(self, in_channels: int, out_channels: int,
                 num_taps: int) -> None:
        super().__init__(in_channels * num_taps, out_channels, 1)
        self.num_taps = num_taps
        self._kernels = Derived(self._split)

    def _split(self, weight: Tensor) -> Tensor:
        """``W_s`` of every tap, transposed, (K, C, O)."""
        weight = weight.unflatten(1, (-1, self.num_taps))[..., 0]  # (O, C, K)
        return weight.permute(2, 1, 0).contiguous()

    def forward(self,
                x: Tensor,
                gate: Tensor,
                scale: Optional[Tensor] = None,
                rows: slice = ALL_ROWS,
                power: int = 1) -> Tensor:
        """Mix the taps at the wanted rows.

        Args:
            x (Tensor): Features, zero in the gaps, (N, C).
            gate (Tensor): M at these rows, (M, C or 1, K or 1).
            scale (Tensor, optional): g at these rows, (M, 1). Defaults to
                None, 1.
            rows (slice): The M rows for which an output is wanted. Defaults
                to all.
            power (int): q, 1 or 2. Defaults to 1.

        Returns:
            Tensor: (M, O).
        """
        dtype = compute_dtype(x)
        kernels = self._kernels(self.weight)
        return _Mix.apply(
            x.to(dtype), gate.to(dtype),
            None if scale is None else scale.to(dtype), kernels.to(dtype),
            self.bias.to(dtype), rows, power)


class _Mix(torch.autograd.Function):
    """Keeps features, gate, scale and kernels (K, C, O), no weighed tap."""

    @staticmethod
    def forward(ctx, x: Tensor, gate: Tensor, scale: Optional[Tensor],
                kernels: Tensor, bias: Tensor, rows: slice,
                power: int) -> Tensor:
        ctx.save_for_backward(x, gate, scale, kernels)
        ctx.rows, ctx.power = rows, power
        num_taps, channels, num_out = kernels.shape
        taps = tap_rows(x, num_taps, rows)
        out = x.new_empty(len(gate), num_out)
        size = max(BLOCK_SIZE // (num_taps * channels), 1)  # in rows
        weighed = x.new_empty(min(size, len(out)), num_taps, channels)
        for start in range(0, len(out), size):
            block = slice(start, start + size)
            part = weighed[:len(out[block])]
            for s, tap in enumerate(taps):
                if s < gate.size(2):
                    weight = gate[block, :, s]
                    if scale is not None:
                        weight = weight * scale[block]
                torch.mul(weight, tap[block], out=part[:, s])
                if power == 2:
                    part[:, s] *= tap[block]
            torch.addmm(
                bias, part.flatten(1), kernels.flatten(0, 1), out=out[block])
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> Tuple[Optional[Tensor], ...]:
        x, gate, scale, kernels = ctx.saved_tensors
        taps = tap_rows(x, len(kernels), ctx.rows)
        gates = gate.expand(-1, -1, len(kernels)).unbind(2)
        grad_gate = torch.zeros_like(gate)
        grad_scale = None if scale is None else torch.zeros_like(scale)
        grad_kernels = torch.empty_like(kernels)

        def spread() -> Iterator[Tensor]:
            """The gradient of every tap and, along the way, of all else."""
            for s, (weight, tap) in enumerate(zip(gates, taps)):
                value = tap * tap if ctx.power == 2 else tap
                weighed = weight * value
                part = grad @ kernels[s].t()  # (M, C), of g M_s * x_s^q
                if scale is not None:
                    grad_scale.add_((part * weighed).sum(1, True))
                    weighed *= scale
                    part *= scale
                torch.mm(weighed.t(), grad, out=grad_kernels[s])
                del weighed  # as large as the features
                share = grad_gate[:, :, s if gate.size(2) > 1 else 0]
                if gate.size(1) > 1:
                    share.addcmul_(part, value)
                else:
                    share += (part * value).sum(1, True)
                part *= weight
                yield part.mul_(2 * tap) if ctx.power == 2 else part

        grad_x = add_taps(spread(), x, len(taps), ctx.rows)
        return (grad_x, grad_gate, grad_scale, grad_kernels, grad.sum(0), None,
                None)
