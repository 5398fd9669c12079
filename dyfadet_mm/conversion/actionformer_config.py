"""ActionFormer's configuration as a configuration of ours."""
from typing import List, Sequence, Union

from .choices import check_choices, complete
from .errors import ConversionError, show
from .shared_config import (SHARED_DEFAULTS, SHARED_INERT, TEST_DEFAULTS,
                            TRAIN_DEFAULTS, check_shared_choices,
                            encoder_config, head_config, model_section,
                            neck_config, pad_multiple, postprocessor_config,
                            score_fusion_config)

#: Defaults of ActionFormer, used where its yaml says nothing.
MODEL_DEFAULTS = dict(
    SHARED_DEFAULTS,
    backbone_type='convTransformer',
    n_mha_win_size=-1,
    n_head=4,
    use_rel_pe=False)
TRAIN = dict(TRAIN_DEFAULTS, dropout=0.)


def convert_actionformer(reference_cfg: dict) -> dict:
    """Convert ActionFormer's configuration of a model.

    Args:
        reference_cfg (dict): With ``model`` (which has ``input_dim`` and
            ``num_classes``, or they stand in ``dataset``), ``train_cfg`` and
            ``test_cfg``.

    Returns:
        dict: A configuration for ``dyfadet_mm.registry.MODELS.build`` that
        computes the same; it builds from any default scope.

    Raises:
        ConversionError: If ``input_dim`` or ``num_classes`` is missing, or
            the configuration asks for a part that ActionFormer
            does not have, or that is not built here.
    """
    model, in_channels, num_classes = model_section(reference_cfg)
    model = complete('model', model, MODEL_DEFAULTS, SHARED_INERT)
    train = complete('train_cfg', reference_cfg.get('train_cfg'), TRAIN,
                     ('clip_grad_l2norm', ))
    test = complete('test_cfg', reference_cfg.get('test_cfg'), TEST_DEFAULTS)
    check_choices('model', model, backbone_type=('convTransformer', 'conv'))
    check_shared_choices(model, train, test)
    windows = _windows(model['n_mha_win_size'], model['backbone_arch'])

    return dict(
        type='dyfadet_mm.SingleStageTAD',
        data_preprocessor=dict(
            type='dyfadet_mm.TADDataPreprocessor',
            max_seq_len=model['max_seq_len'],
            size_divisor=pad_multiple([2 * (w // 2) for w in windows])),
        backbone=_backbone(model, train, in_channels),
        neck=neck_config(model),
        head=dict(
            type='dyfadet_mm.ConvHead',
            reg_weight='points',
            **head_config(model, train, num_classes)),
        postprocessor=dict(postprocessor_config(test), voting_by_iou=True),
        **score_fusion_config(test, softmax=False))


def _windows(window: Union[int, Sequence[int]],
             arch: Sequence[int]) -> List[int]:
    """Window of every level."""
    num_levels = arch[2] + 1
    windows = [window] * num_levels if isinstance(window, int) else window
    if len(windows) != num_levels:
        raise ConversionError(
            f'model.n_mha_win_size must be one number or {num_levels}, one '
            f'for the stem and one for each of the {arch[2]} branch layers of '
            f'model.backbone_arch, but got {show(window)}')
    return list(windows)


def _backbone(model: dict, train: dict,
              in_channels: Union[int, Sequence[int]]) -> dict:
    """The encoder."""
    cfg = encoder_config(model, in_channels)
    sources = isinstance(in_channels, (list, tuple))
    widths = model['embd_dim'] if sources else ()
    if sources and (isinstance(widths, int)
                    or len(widths) != len(in_channels)):
        raise ConversionError(
            'model.embd_dim must have one entry for each of input_dim, '
            f'{show(list(in_channels))}, but got {show(widths)}')
    if sources:
        cfg.update(in_channels=list(in_channels), source_channels=list(widths))
    if model['backbone_type'] == 'conv':
        # has no position encoding, whatever the yaml says
        return dict(cfg, type='dyfadet_mm.ConvBackbone', position=None)
    return dict(
        type='dyfadet_mm.LocalAttentionBackbone',
        num_heads=model['n_head'],
        window=model['n_mha_win_size'],
        use_rel_pe=model['use_rel_pe'],
        drop_path_rate=train['droppath'],
        dropout=train['dropout'],
        **cfg)
