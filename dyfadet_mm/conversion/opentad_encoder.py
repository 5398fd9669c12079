"""OpenTAD's backbone in front of a detector as a frame encoder of ours."""
from typing import Tuple

from .adapter import frame_encoder
from .choices import check_choices, complete, read, section_of
from .errors import ConversionError, show

#: What holds where a VisionTransformer's dict says nothing.
TRANSFORMER = dict(
    type=None,
    img_size=224,
    patch_size=16,
    embed_dims=768,
    depth=12,
    num_heads=12,
    mlp_ratio=4.,
    qkv_bias=True,
    qk_scale=None,
    drop_rate=0.,
    attn_drop_rate=0.,
    drop_path_rate=0.,
    norm_cfg=dict(),
    num_frames=16,
    tubelet_size=2,
    use_mean_pooling=True,
    with_cp=False,
    frozen_layers=-1,
    adapter_index=(3, 5, 7, 11),
    adapter_mlp_ratio=0.25)
INERT = ('return_feat_map', 'total_frames', 'pretrained', 'init_cfg')
WITH_ADAPTERS = 'VisionTransformerAdapter'
PLAIN = ('VisionTransformerCP', 'VisionTransformer',
         'mmaction.VisionTransformer')
CUSTOM = dict(
    freeze_backbone=False,
    temporal_checkpointing=False,
    pre_processing_pipeline=None,
    post_processing_pipeline=None)
#: Steps that make features of the maps of chunks.
STEPS = ['Reduce', 'Rearrange', 'Interpolate']


def convert_encoder(backbone: dict, channels: int,
                    window: int) -> Tuple[dict, dict]:
    """Convert a VideoMAE ViT that sees chunks of the frames.

    Args:
        backbone (dict): ``backbone`` of OpenTAD's model dict.
        channels (int): Of the features that the detector takes.
        window (int): Cells of the detector in training.

    Returns:
        tuple[dict, dict]: Config of a :class:`FrameEncoder`; ``mean`` and
        ``std`` of the data preprocessor.

    Raises:
        ConversionError: If it is another backbone, or does not fit the
            detector.
    """
    section = 'model.backbone'
    backbone = section_of(section, backbone)
    check_choices(
        section,
        backbone,
        type=('mmaction.Recognizer3D', 'Recognizer3D', None))
    given = read(section, backbone, dict(data_preprocessor=None, custom=None),
                 ('backbone', ))
    colours = read(f'{section}.data_preprocessor', given['data_preprocessor'],
                   {}, ('mean', 'std'))
    net = _transformer(f'{section}.backbone', given['backbone'])
    if net['embed_dims'] != channels:
        raise ConversionError(
            'model.projection.in_channels must be the embed_dims of '
            f"model.backbone, {net['embed_dims']}, but got {show(channels)}")
    custom = read(f'{section}.custom', given['custom'], CUSTOM)
    _check_steps(custom['post_processing_pipeline'], window)
    encoder = frame_encoder(net)
    if custom['freeze_backbone']:
        encoder['train_mode'] = 'frozen'
    if custom['temporal_checkpointing']:
        encoder['clips_at_once'] = 1
    if net['with_cp']:
        encoder['checkpoint_blocks'] = True
    return encoder, colours


def _transformer(section: str, given: dict) -> dict:
    """The transformer, complete, by the names of the adapters' converter."""
    net = complete(section, given, TRANSFORMER, INERT)
    check_choices(
        section,
        net,
        type=(WITH_ADAPTERS, *PLAIN),
        qk_scale=(None, ),
        drop_rate=(0., ),
        attn_drop_rate=(0., ),
        use_mean_pooling=(True, ),
        frozen_layers=(-1, ))
    norm = read(f'{section}.norm_cfg', net['norm_cfg'],
                dict(type='LN', eps=1e-6))
    check_choices(f'{section}.norm_cfg', norm, type=('LN', ))
    index = net['adapter_index'] if net['type'] == WITH_ADAPTERS else ()
    if index and max(index) >= net['depth']:
        raise ConversionError(
            f"{section}.adapter_index must lie below the depth, "
            f"{net['depth']}, but got {show(index)}")
    return dict(net, norm_eps=norm['eps'], adapter_index=index)


def _check_steps(steps: list, window: int) -> None:
    """Refuse features that are made of the maps in another way."""
    if steps is None:
        return
    section = 'model.backbone.custom.post_processing_pipeline'
    found = [
        read(section, step, dict(type=None, reduction='mean', size=window))
        for step in steps
    ]
    types = [step['type'] for step in found]
    if types != STEPS or any(
            step['reduction'] != 'mean' or step['size'] != window
            for step in found):
        raise ConversionError(
            f'{section} must be {STEPS}, that is the mean over space, all '
            f'chunks in a row, and as many cells as the max_seq_len of '
            f'model.projection, {window}, but got {show(steps)}')
