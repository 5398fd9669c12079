"""The temporal adapters of AdaTAD, as OpenTAD trains them."""
from typing import Dict, Tuple

from torch import Tensor

from .errors import ConversionError, show

# of the backbone, by their names in MMAction2
BACKBONE = ('img_size', 'patch_size', 'embed_dims', 'depth', 'num_heads',
            'mlp_ratio', 'qkv_bias', 'num_frames', 'tubelet_size')
SETTINGS = (*BACKBONE, 'norm_eps', 'adapter_index', 'adapter_mlp_ratio',
            'mean', 'std')


def convert_adapter(
        config: dict,
        state_dict: Dict[str, Tensor]) -> Tuple[dict, Dict[str, Tensor]]:
    """Convert a VideoMAE ViT with temporal adapters.

    Args:
        config (dict): ``img_size`` of the pretraining, ``patch_size``,
            ``embed_dims``, ``depth``, ``num_heads``, ``mlp_ratio``,
            ``qkv_bias``, ``num_frames`` of a chunk, ``tubelet_size``,
            ``norm_eps``, ``adapter_index``, ``adapter_mlp_ratio``, ``mean``
            and ``std``. What else there is does not matter.
        state_dict (dict[str, Tensor]): Weights of the backbone.

    Returns:
        tuple[dict, dict]: Config of a :class:`FrameEncoder` that trains the
        adapters, and its weights.

    Raises:
        ConversionError: If a setting is missing, or the weights are of
            another one.

    Reference:
        Liu et al., End-to-End Temporal Action Detection with 1B Parameters
        Across 1000 Frames, CVPR 2024.
    """
    missing = [key for key in SETTINGS if key not in config]
    if missing:
        raise ConversionError(f'config must have {SETTINGS}, but has no '
                              f'{missing}')
    _check_weights(config, state_dict)
    encoder_cfg = dict(
        frame_encoder(config),
        mean=list(config['mean']),
        std=list(config['std']))
    return encoder_cfg, {
        f'backbone.{key}': value
        for key, value in state_dict.items()
    }


def frame_encoder(config: dict) -> dict:
    """The frame encoder around a VideoMAE ViT, without mean and std.

    Args:
        config (dict): As in :func:`convert_adapter`, and maybe
            ``drop_path_rate``. Without any block in ``adapter_index`` there
            are no adapters, and all is trained.

    Returns:
        dict: Config of a :class:`FrameEncoder`.
    """
    index = list(config['adapter_index'])
    adapters = dict(index=index, ratio=config['adapter_mlp_ratio'])
    return dict(
        type='dyfadet_mm.FrameEncoder',
        backbone=dict(
            type='mmaction.VisionTransformer',
            drop_path_rate=config.get('drop_path_rate', 0.),
            norm_cfg=dict(type='LN', eps=config['norm_eps']),
            return_feat_map=True,
            **{key: config[key]
               for key in BACKBONE}),
        mode='chunk',
        clip_len=config['num_frames'],
        adapters=adapters if index else None,
        train_mode='adapters' if index else 'full')


def _check_weights(config: dict, state_dict: Dict[str, Tensor]) -> None:
    """Refuse weights of other widths, or with adapters elsewhere."""
    width, patch = config['embed_dims'], config['patch_size']
    hidden = int(config['adapter_mlp_ratio'] * width)
    shapes = {
        'patch_embed.projection.weight':
        (width, 3, config['tubelet_size'], patch, patch)
    }
    for block in range(config['depth']):
        shapes[f'blocks.{block}.attn.qkv.weight'] = (3 * width, width)
    for block in config['adapter_index']:
        shapes[f'blocks.{block}.adapter.down_proj.weight'] = (hidden, width)
    for key, shape in shapes.items():
        found = getattr(state_dict.get(key), 'shape', None)
        if found is None or tuple(found) != shape:
            raise ConversionError(
                f'state_dict must have {key!r} with the shape {shape}, by the '
                f'config, but has {show(found and tuple(found))}; give the '
                'config that it was trained with')
    names = {key.split('.')[1] for key in state_dict if '.adapter.' in key}
    other = names - {str(block) for block in config['adapter_index']}
    if other:
        raise ConversionError(
            f'adapter_index must name all blocks with adapters, but '
            f'{sorted(other)} of state_dict are not in '
            f'{config["adapter_index"]}')
