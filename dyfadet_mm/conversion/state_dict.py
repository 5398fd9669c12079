"""The published code's weights under our names."""
import re
from typing import Dict, Optional

from torch import Tensor, ones

#: (pattern of the published name, our name); None marks names that hold
#: constants or parameters that no output depends on.
KEY_TABLE = [
    # encoder
    (r'backbone\.embd\.(\d+)\.conv\.', r'backbone.embed.\1.'),
    (r'backbone\.embd_norm\.', 'backbone.embed_norms.'),
    (r'backbone\.(stem|branch)\.(\d+)\.ln\.', r'backbone.\1.\2.norm.'),
    (r'backbone\.(stem|branch)\.(\d+)\.gn\.', r'backbone.\1.\2.group_norm.'),
    (r'backbone\.(stem|branch)\.(\d+)\.convw\.', r'backbone.\1.\2.window.'),
    (r'backbone\.(stem|branch)\.(\d+)\.convkw\.', r'backbone.\1.\2.wide.'),
    (r'backbone\.(stem|branch)\.(\d+)\.global_fc\.', r'backbone.\1.\2.phi.'),
    (r'backbone\.(stem|branch)\.(\d+)\.(psi|fc|mlp\.0|mlp\.2|drop_path_out'
     r'|drop_path_mlp)\.', r'backbone.\1.\2.\3.'),
    # neck
    (r'neck\.fpn_norms\.', 'neck.norms.'),
    (r'neck\.(lateral_convs|fpn_convs)\.(\d+)\.conv\.', r'neck.\1.\2.'),
    # dynamic towers
    (r'(cls|reg)_head\.head\.(\d+)\.(.+\.)?shift_conv\.', None),
    (r'(cls|reg)_head\.head\.(\d+)\.norm\.', None),
    (r'(cls|reg)_head\.head\.(\d+)\.scale_weight$',
     r'head.\1_tower.layers.\2.gamma'),
    (r'(cls|reg)_head\.head\.(\d+)\.output_weight$',
     r'head.\1_tower.layers.\2.alpha'),
    (r'(cls|reg)_head\.head\.(\d+)\.dynamic_convs\.0\.',
     r'head.\1_tower.layers.\2.down.'),
    (r'(cls|reg)_head\.head\.(\d+)\.dynamic_convs\.1\.',
     r'head.\1_tower.layers.\2.up.'),
    (r'(cls|reg)_head\.head\.(\d+)\.depth_module\.',
     r'head.\1_tower.layers.\2.depth.'),
    # static towers
    (r'(cls|reg)_head\.head\.(\d+)\.conv\.', r'head.\1_tower.convs.\2.'),
    (r'(cls|reg)_head\.norm\.', r'head.\1_tower.norms.'),
    # outputs
    (r'cls_head\.cls_head\.conv\.', 'head.conv_cls.'),
    (r'reg_head\.offset_head\.conv\.', 'head.conv_reg.'),
    (r'reg_head\.scale\.', 'head.scales.'),
]
#: What follows ``down.``, ``up.`` or ``depth.`` of a dynamic layer.
PATH_TABLE = [
    (r'kernel_conv\.gate_conv\.', 'attention.gate.conv.'),
    (r'kernel_conv\.gate\.gate_conv\.', 'attention.gate.'),
    (r'kernel_conv\.convs\.0\.', 'attention.conv.'),
    (r'kernel_conv\.convs\.1\.', 'attention.norm.'),
    (r'conv\.', 'mix.'),
    (r'norm\.', 'norm.'),
]
FIELD = re.compile(r'(weight|bias|scale)?$')


def convert_key(name: str) -> Optional[str]:
    """Our name of a published parameter.

    Args:
        name (str): Name in the published code, with or without ``module.``.

    Returns:
        str | None: Our name; None if the parameter has no use.

    Raises:
        KeyError: If the published DyFADet has no such parameter.
    """
    if name.startswith('module.'):
        name = name[len('module.'):]
    for pattern, ours in KEY_TABLE:
        match = re.match(pattern, name)
        if match is None:
            continue
        if ours is None:
            return None
        prefix, rest = match.expand(ours), name[match.end():]
        if prefix.endswith(('.down.', '.up.', '.depth.')):
            return prefix + _convert_path(name, rest)
        return prefix + rest
    raise KeyError(name)


def _convert_path(name: str, rest: str) -> str:
    """Our name of a parameter inside a path of a dynamic layer."""
    for pattern, ours in PATH_TABLE:
        match = re.match(pattern, rest)
        if match is not None and FIELD.match(rest[match.end():]):
            return ours + rest[match.end():]
    raise KeyError(name)


def convert_state_dict(state_dict: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Rename and reshape the weights of the published DyFADet.

    Args:
        state_dict (dict[str, Tensor]): Weights of the published code, with or
            without the prefix ``module.``.

    Returns:
        dict[str, Tensor]: Weights that a model from :func:`convert_config`
        loads with ``strict=True``.

    Raises:
        KeyError: If there are unknown names; all of them are listed.
    """
    converted, unknown = {}, []
    for name, value in state_dict.items():
        try:
            ours = convert_key(name)
        except KeyError as error:
            unknown.append(error.args[0])
            continue
        if ours is not None:
            converted[ours] = _reshape(ours, value)
    if unknown:
        raise KeyError('state_dict must hold the weights of the published '
                       f'DyFADet, but has unknown keys: {sorted(unknown)}')
    _add_branch_scales(converted)
    return converted


def _reshape(name: str, value: Tensor) -> Tensor:
    """Norms and channel scales are vectors here, gamma and alpha scalars."""
    if name.endswith(('.gamma', '.alpha')):
        return value.reshape(())
    if re.search(r'norms?\.(\d+\.)?(weight|bias)$|drop_path_\w+\.scale$',
                 name):
        return value.reshape(-1)
    return value


def _add_branch_scales(converted: Dict[str, Tensor]) -> None:
    """Add the scales that the published code leaves out without drop path."""
    for name in list(converted):
        match = re.match(r'(backbone\.branch\.\d+\.)group_norm\.weight$', name)
        if match is not None:
            for part in ('drop_path_out.scale', 'drop_path_mlp.scale'):
                converted.setdefault(match[1] + part,
                                     ones(len(converted[name])))
