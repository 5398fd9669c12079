"""Gates of dynamic layers, read from outside while a model runs."""
from typing import Callable, Iterator, List, NamedTuple

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from dyfadet_mm.registry import MODELS

#: What has gates, for messages.
GATED = ('DFAAtt with TapAttention or ConvAttention, or DFAConv1d')


class GatedLayer(NamedTuple):
    """A layer whose taps are weighed by the features."""

    #: Such as ``'head.cls_tower.layers.0.depth'``.
    name: str
    #: ``DFAAtt`` or ``DFAConv1d``: features and their cells to features.
    layer: nn.Module
    #: ``TemporalGate`` or ``ConvAttention``, whose ``act`` returns gates.
    part: nn.Module


def find_gates(model: nn.Module) -> Iterator[GatedLayer]:
    """Look for layers with gates.

    Args:
        model (nn.Module): Any model.

    Yields:
        GatedLayer: In the order of the model.
    """
    layers = MODELS.get('DFAAtt'), MODELS.get('DFAConv1d')
    kinds = MODELS.get('ConvAttention'), MODELS.get('TemporalGate')
    for name, layer in model.named_modules():
        if isinstance(layer, layers):
            part = next((x for x in layer.modules() if isinstance(x, kinds)),
                        None)
            if part is not None:
                yield GatedLayer(name, layer, part)


def is_depth_gate(part: nn.Module) -> bool:
    """Whether a part of a layer is the attention of a depth path."""
    return isinstance(part, MODELS.get('ConvAttention'))


def watch_gates(
        gated: GatedLayer, read: Callable[[Tensor, Tensor],
                                          None]) -> List[RemovableHandle]:
    """Have the gates of a layer read whenever it runs.

    Args:
        gated (GatedLayer): The layer.
        read (Callable): Receives gates, (B, A, T') without gradient, and
            which of their cells are valid, (B, 1, T'); neither padding nor
            the gaps of a packed pyramid are.

    Returns:
        list[RemovableHandle]: To end it.
    """
    masks = []

    def note_cells(layer: nn.Module, args: tuple) -> None:
        masks[:] = [args[1].mask]

    def hand_on(act: nn.Module, args: tuple, gate: Tensor) -> None:
        mask, = masks
        if gate.size(-1) < mask.size(-1):
            mask = mask[..., ::gated.layer.stride]
        read(gate.detach(), mask)

    return [
        gated.layer.register_forward_pre_hook(note_cells),
        gated.part.act.register_forward_hook(hand_on)
    ]
