"""Weights of the published codes and of OpenTAD under our names."""
import re
from typing import Dict, List, Optional, Tuple

from torch import Tensor, ones

from .errors import ConversionError, show
from .tensors import check_tensors

#: (pattern of the other code's name, our name); None marks names that hold
#: constants or parameters that no output depends on.
KeyTable = List[Tuple[str, Optional[str]]]


def _dyne_layers(encoder: str) -> KeyTable:
    """Names in the layers of an encoder."""
    layer, ours = encoder + r'\.(stem|branch)\.(\d+)\.', r'backbone.\1.\2.'
    return [
        (layer + r'ln\.', ours + 'norm.'),
        (layer + r'gn\.', ours + 'group_norm.'),
        (layer + r'convw\.', ours + 'window.'),
        (layer + r'convkw\.', ours + 'wide.'),
        (layer + r'global_fc\.', ours + 'phi.'),
        (layer + r'(psi|fc|mlp\.0|mlp\.2|drop_path_out|drop_path_mlp)\.',
         ours + r'\3.'),
    ]


def _attention_layers(encoder: str) -> KeyTable:
    """Names in the layers of ActionFormer's encoder."""
    layer, ours = encoder + r'\.(stem|branch)\.(\d+)\.', r'backbone.\1.\2.'
    kind = r'attn\.(query|key|value)'
    return [
        (layer + r'ln([12])\.', ours + r'norm\3.'),
        (layer + kind + r'_conv\.conv\.', ours + r'attention.\3.conv.'),
        (layer + kind + r'_norm\.', ours + r'attention.\3.norm.'),
        (layer + kind + r'\.', ours + r'attention.\3.linear.'),
        (layer + r'attn\.(proj\.|rel_pe$)', ours + r'attention.\3'),
        (layer + r'(mlp\.3|drop_path_attn)\.', ours + r'\3.'),
    ]


def _dynamic_layers(tower: str) -> KeyTable:
    """Names in the layers of a dynamic tower."""
    layer, ours = tower + r'\.(\d+)\.', r'head.\1_tower.layers.\2.'
    return [
        (layer + r'(.+\.)?shift_conv\.', None),
        (layer + r'scale_weight$', ours + 'gamma'),
        (layer + r'output_weight$', ours + 'alpha'),
        (layer + r'dynamic_convs\.0\.', ours + 'down.'),
        (layer + r'dynamic_convs\.1\.', ours + 'up.'),
        (layer + r'depth_module\.', ours + 'depth.'),
    ]


LAYER = r'backbone\.(stem|branch)\.(\d+)\.'
OURS = r'backbone.\1.\2.'
#: Layers of the convolutional encoder, of SGP's means.
PEER_LAYERS: KeyTable = [
    *_attention_layers('backbone'),
    (LAYER + r'(conv[12])\.conv\.', OURS + r'\3.'),
    (LAYER + r'downsample\.conv\.', OURS + 'shortcut.'),
    (LAYER + r'downsample\.1\.', OURS + 'downsample.'),
    (LAYER + r'downsample\.1\.', OURS + 'downsample.'),
]
#: Names of the published codes of DyFADet, ActionFormer and TriDet.
PUBLISHED: KeyTable = [
    (r'backbone\.proj\.(\d+)\.conv\.', r'backbone.source_convs.\1.'),
    (r'backbone\.embd\.(\d+)\.conv\.', r'backbone.embed.\1.'),
    (r'backbone\.embd_norm\.', 'backbone.embed_norms.'),
    *_dyne_layers('backbone'),
    *PEER_LAYERS,
    (r'neck\.(lateral_convs|fpn_convs)\.(\d+)\.conv\.', r'neck.\1.\2.'),
    *_dynamic_layers(r'(cls|reg)_head\.head'),
    (r'(cls|reg)_head\.head\.(\d+)\.norm\.', None),
    # static towers
    (r'(cls|reg|start|end)_head\.head\.(\d+)\.conv\.',
     r'head.\1_tower.convs.\2.'),
    (r'(cls|reg|start|end)_head\.norm\.', r'head.\1_tower.norms.'),
    # outputs
    (r'(start|end)_head\.cls_head\.conv\.', r'head.conv_\1.'),
    (r'cls_head\.cls_head\.conv\.', 'head.conv_cls.'),
    (r'reg_head\.offset_head\.conv\.', 'head.conv_reg.'),
    (r'reg_head\.scale\.', 'head.scales.'),
]
#: Names of OpenTAD.
OPENTAD: KeyTable = [
    (r'backbone\.model\.backbone\.', 'encoder.backbone.'),
    (r'projection\.embed\.(\d+)\.conv\.', r'backbone.embed.\1.'),
    (r'projection\.embed\.(\d+)\.norm\.', r'backbone.embed_norms.\1.'),
    *_dyne_layers('projection'),
    *_attention_layers('projection'),
    *_dynamic_layers(r'rpn_head\.(cls|reg)_convs'),
    # static towers
    (r'rpn_head\.(cls|reg)_convs\.(\d+)\.conv\.', r'head.\1_tower.convs.\2.'),
    (r'rpn_head\.(cls|reg)_convs\.(\d+)\.norm\.', r'head.\1_tower.norms.\2.'),
    (r'rpn_head\.(cls|reg)_head\.(weight|bias)$', r'head.conv_\1.\2'),
    (r'rpn_head\.scale\.', 'head.scales.'),
    (r'rpn_head\.loss_normalizer$', 'head.loss_normalizer.value'),
]
#: Names of both come first.
KEY_TABLE = [(r'neck\.fpn_norms\.', 'neck.norms.'), *PUBLISHED, *OPENTAD]
#: What follows ``down.``, ``up.`` or ``depth.`` of a dynamic layer.
PATH_TABLE = [
    (r'kernel_conv\.gate_conv\.', 'attention.gate.conv.'),
    (r'kernel_conv\.gate\.gate_conv\.', 'attention.gate.'),
    (r'kernel_conv\.(?:convs\.0|conv)\.', 'attention.conv.'),
    (r'kernel_conv\.(?:convs\.1|norm)\.', 'attention.norm.'),
    (r'conv\.', 'mix.'),
    (r'norm\.', 'norm.'),
]
#: Layers with scaled branches, by their last norm: those of DynE and SGP have
#: none in the stem.
BRANCHES = [(r'(backbone\.branch\.\d+\.)group_norm', 'out'),
            (r'(backbone\.(?:stem|branch)\.\d+\.)norm2', 'attn')]
#: Longest name; a search in a longer one could take long.
MAX_NAME = 200
FIELD = re.compile(r'(weight|bias|scale)?$')


def convert_key(name: str) -> Optional[str]:
    """Our name of a parameter of a published code or of OpenTAD.

    Args:
        name (str): Name there, with or without ``module.``.

    Returns:
        str | None: Our name; None if the parameter has no use.

    Raises:
        ConversionError: A KeyError, if none of their detectors has such a
            parameter.
    """
    if not isinstance(name, str) or not name.isprintable() or (len(name)
                                                               > MAX_NAME):
        raise ConversionError(show(name))
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
    raise ConversionError(name)


def _convert_path(name: str, rest: str) -> str:
    """Our name of a parameter inside a path of a dynamic layer."""
    for pattern, ours in PATH_TABLE:
        match = re.match(pattern, rest)
        if match is not None and FIELD.match(rest[match.end():]):
            return ours + rest[match.end():]
    raise ConversionError(name)


def convert_state_dict(state_dict: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Rename and reshape weights of DyFADet, ActionFormer or TriDet.

    Args:
        state_dict (dict[str, Tensor]): Weights of one of the published codes
            or of OpenTAD's DyFADet and ActionFormer, with or without the
            prefix ``module.`` and a frame encoder in front.

    Returns:
        dict[str, Tensor]: Weights that a model from :func:`convert_config`
        loads with ``strict=True``.

    Raises:
        ConversionError: A KeyError and ValueError, if there are unknown names,
            of which the first are listed, if two names mean the same weight,
            or something is no tensor of finite numbers.
    """
    if not isinstance(state_dict, dict):
        raise ConversionError('state_dict must be a dict of tensors, but got '
                              f'{show(state_dict)}')
    names = _our_names(state_dict)
    check_tensors({name: state_dict[name] for name in names.values()})
    converted = {
        ours: _reshape(ours, state_dict[name])
        for ours, name in names.items()
    }
    _add_branch_scales(converted)
    return converted


def _our_names(state_dict: dict) -> Dict[str, str]:
    """The given names of what has a use, by our name."""
    names: Dict[str, str] = {}
    unknown = []
    for name in state_dict:
        try:
            ours = convert_key(name)
        except ConversionError as error:
            unknown.append(str(error))
            continue
        if ours in names:
            raise ConversionError('state_dict must have every weight once, but'
                                  f' {names[ours]!r} and {name!r} are one')
        if ours is not None:
            names[ours] = name
    if unknown:
        raise ConversionError(
            'state_dict must hold the weights of the published DyFADet, of '
            "OpenTAD's, of ActionFormer or of TriDet, but has unknown keys: "
            f'{show(sorted(unknown))}')
    return names


def _reshape(name: str, value: Tensor) -> Tensor:
    """Norms and channel scales are vectors here, gamma and alpha scalars.

    The normaliser of the losses, a running mean, is a float.
    """
    if name.startswith('encoder.'):
        return value
    if name.endswith(('.gamma', '.alpha', '.loss_normalizer.value')):
        if value.numel() != 1:
            raise ConversionError(f'the weight {name!r} must be one number, '
                                  f'but has the shape {tuple(value.shape)}')
        is_mean = name.endswith('value')
        return (value.float() if is_mean else value).reshape(())
    if re.search(r'norm[s12]?\.(\d+\.)?(weight|bias)$|drop_path_\w+\.scale$',
                 name):
        return value.reshape(-1)
    return value


def _add_branch_scales(converted: Dict[str, Tensor]) -> None:
    """Add the scales that the other codes leave out without drop path."""
    for name in list(converted):
        for last_norm, branch in BRANCHES:
            match = re.match(last_norm + r'\.weight$', name)
            if match is not None:
                for part in (branch, 'mlp'):
                    converted.setdefault(f'{match[1]}drop_path_{part}.scale',
                                         ones(len(converted[name])))
