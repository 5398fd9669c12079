"""Weights of VideoMAE and VideoMAE V2 under the names of MMAction2."""
import re
from typing import Dict, Optional

from torch import Tensor

from .errors import ConversionError, show
from .tensors import check_tensors

#: (pattern of their name, name of MMAction2)
NAMES = (
    (r'patch_embed\.proj\.(weight|bias)$',
     r'backbone.patch_embed.projection.\1'),
    (r'(blocks\.\d+\.norm[12]\.(weight|bias))$', r'backbone.\1'),
    (r'(blocks\.\d+\.attn\.(q_bias|v_bias|qkv\.weight))$', r'backbone.\1'),
    (r'(blocks\.\d+\.attn\.proj\.(weight|bias))$', r'backbone.\1'),
    (r'(blocks\.\d+\.mlp\.)fc1\.(weight|bias)$', r'backbone.\1layers.0.0.\2'),
    (r'(blocks\.\d+\.mlp\.)fc2\.(weight|bias)$', r'backbone.\1layers.1.\2'),
    (r'(fc_norm\.(weight|bias))$', r'backbone.\1'),
    (r'head\.(weight|bias)$', r'cls_head.fc_cls.\1'),
)
PATCHES = 'backbone.patch_embed.projection.weight'


def convert_videomae(state_dict: Dict[str, Tensor],
                     img_size: int = 224,
                     num_frames: int = 16) -> Dict[str, Tensor]:
    """Rename the weights of a classifier, and add its positions.

    Args:
        state_dict (dict[str, Tensor]): Weights of a VideoMAE or VideoMAE V2
            that was trained to classify, as its authors save them.
        img_size (int): Pixels of a side that it was trained with. Defaults
            to 224.
        num_frames (int): Frames of a clip. Defaults to 16.

    Returns:
        dict[str, Tensor]: Weights of a recognizer of MMAction2, with a
        ``VisionTransformer`` as ``backbone``.

    Raises:
        ConversionError: If there are other names, or something is no tensor
            of finite numbers.

    Reference:
        Wang et al., VideoMAE V2, CVPR 2023.
    """
    from mmaction.models.backbones.vit_mae import get_sinusoid_encoding
    if not isinstance(state_dict, dict):
        raise ConversionError('state_dict must be a dict of tensors, but got '
                              f'{show(state_dict)}')
    names = {name: _our_name(name) for name in state_dict}
    unknown = sorted(str(name) for name, ours in names.items() if not ours)
    weights = {names[name]: value for name, value in state_dict.items()}
    if unknown or PATCHES not in weights:
        raise ConversionError(
            'state_dict must hold the weights of a VideoMAE that classifies, '
            "with 'patch_embed.proj.weight', but has "
            f'{f"the keys {show(unknown)}" if unknown else "no such key"}')
    check_tensors(weights)
    if weights[PATCHES].ndim != 5:
        raise ConversionError("'patch_embed.proj.weight' must have 5 axes, "
                              f'but got {tuple(weights[PATCHES].shape)}')
    channels, _, tubelet, patch, _ = weights[PATCHES].shape
    count = (img_size // patch)**2 * (num_frames // tubelet)
    weights['backbone.pos_embed'] = get_sinusoid_encoding(count, channels)
    return weights


def _our_name(name: str) -> Optional[str]:
    """Name of MMAction2, or None of what it does not have."""
    name = str(name).removeprefix('module.')
    for pattern, ours in NAMES:
        match = re.match(pattern, name)
        if match is not None:
            return match.expand(ours)
    return None
