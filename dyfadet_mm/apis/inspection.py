"""What a detector computes inside, of one video and of its valid cells."""
import re
from typing import Dict, List, NamedTuple, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from dyfadet_mm.models.heads.base_tad_head import as_pyramid
from dyfadet_mm.structures import Pyramid
from dyfadet_mm.utils.gates import GATED, GatedLayer, find_gates, watch_gates

# of a layer of the branch of an encoder, and of one of its convolutions
BRANCH = re.compile(r'(.*\bbranch)\.(\d+)\.(\w+)')
#: Levels that a path leads up, from where it reads to where it adds.
SHIFTS = dict(down=1, up=-1, depth=0)


class GatePlace(NamedTuple):
    """Where gates are."""

    #: Such as ``'head.cls_tower.layers.0'``, or ``'backbone.branch'``, whose
    #: layers are one per level.
    layer: str
    #: ``'down'``, ``'up'`` or ``'depth'`` of a :class:`DyLayer`; ``'conv1'``
    #: or ``'conv2'`` of a :class:`ConvLayer`.
    path: str
    #: Level that receives the output; ``'down'`` reads the finer one, and
    #: ``'up'`` the coarser one.
    level: int


class Gates(NamedTuple):
    """Gates of one video at one place."""

    #: (C or 1, K or 1, T), as of :class:`TemporalGate`.
    values: np.ndarray
    #: Cells of the feature grid from one to the next; the first is at 0.
    step: int


def encode_video(model: nn.Module, data: dict) -> List[np.ndarray]:
    """Outputs of an encoder.

    Args:
        model (nn.Module): A detector in evaluation mode.
        data (dict): ``inputs``, a list of one (C, T), and ``data_samples``,
            as a data loader gives them.

    Returns:
        list[ndarray]: The features themselves, and those of every level,
        without padding, (T_l, C) float32. A video is never cut into windows.
    """
    pyramid = _run(model, data)
    feats = [
        x[0, :, mask[0, 0]] for x, mask in zip(pyramid.feats, pyramid.masks)
    ]
    return [x.float().t().cpu().numpy() for x in (data['inputs'][0], *feats)]


def record_gates(model: nn.Module, data: dict) -> Dict[GatePlace, Gates]:
    """Gates of all dynamic layers.

    Args:
        model (nn.Module): A detector in evaluation mode.
        data (dict): As of :func:`encode_video`.

    Returns:
        dict[GatePlace, Gates]: At valid cells.

    Raises:
        ValueError: If the model has no gates, or computes them where it does
            not know which cells are valid.
    """
    layers = list(find_gates(model))
    if not layers:
        raise ValueError(
            f'the model must have layers with gates, {GATED}, in the towers '
            f'of its head or in its encoder, but {type(model).__name__} with '
            f'{_parts(model)} has none; show_similarity.py takes any model')
    found: Dict[str, Tensor] = {}

    def watch(gated: GatedLayer) -> List[RemovableHandle]:
        axes = getattr(gated.part, 'axes', (1, 1))  # of a depth path

        def read(gate: Tensor, mask: Tensor) -> None:
            found[gated.name] = gate[0, :, mask[0, 0]].unflatten(0, axes)

        return watch_gates(gated, read)

    pyramid = _run(model, data,
                   [handle for each in layers for handle in watch(each)])
    gates: Dict[GatePlace, Gates] = {}
    for name, layer, _ in layers:
        gates.update(
            _split(name, layer.stride, found[name],
                   [mask[0, 0] for mask in pyramid.masks]))
    return gates


@torch.no_grad()
def _run(model: nn.Module, data: dict,
         handles: Sequence[RemovableHandle] = ()) -> Pyramid:
    """Run a model, remove its hooks, and return its encoder's outputs."""
    outputs: list = []
    handle = model.backbone.register_forward_hook(
        lambda module, args, output: outputs.append(output))
    try:
        batch = model.data_preprocessor(data, False)
        model(**batch, mode='tensor')
    finally:
        for each in (handle, *handles):
            each.remove()
    # an encoder without cells calls itself with all cells as valid ones
    return as_pyramid(outputs[-1], batch['data_samples'])


def _split(name: str, stride: int, gates: Tensor,
           masks: List[Tensor]) -> Dict[GatePlace, Gates]:
    """Gates of every level, (C or 1, K or 1, T_l).

    Args:
        name (str): Of the layer.
        stride (int): Of the layer.
        gates (Tensor): Of all levels that it runs on, finest first.
        masks (list[Tensor]): Valid cells of every level.
    """
    branch = BRANCH.fullmatch(name)
    layer, path = name.rsplit('.', 1)
    if branch:  # its layer i makes level i + 1 of level i
        layer, path = branch[1], branch[3]
        level = int(branch[2]) + 1
        sources, shift = [level if stride == 1 else level - 1], stride - 1
    elif path in SHIFTS:
        shift = SHIFTS[path]
        sources = [
            level for level in range(len(masks))
            if 0 <= level + shift < len(masks)
        ]
    else:  # of the stem
        sources, shift = [0], 0
    sizes = [int(masks[level][::stride].sum()) for level in sources]
    if sum(sizes) != gates.size(2):
        raise ValueError(
            f'{name} must know which cells are valid, {sum(sizes)} of levels '
            f'{sources}, but has gates at {gates.size(2)}; take a detector '
            'whose type is SingleStageTAD')
    parts = gates.float().cpu().numpy()
    parts = np.split(parts, np.cumsum(sizes)[:-1], axis=2)
    return {
        GatePlace(layer, path, level + shift): Gates(part, 2**level * stride)
        for level, part in zip(sources, parts)
    }


def _parts(model: nn.Module) -> str:
    """Encoder and head of a model, for a message."""
    names = ('backbone', 'head', 'bbox_head')
    return ' and '.join(
        type(getattr(model, name)).__name__ for name in names
        if hasattr(model, name))
