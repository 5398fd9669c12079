"""TriDet's configuration as a configuration of ours."""
from typing import List

from .choices import check_choices, complete
from .errors import ConversionError, show
from .shared_config import (SHARED_DEFAULTS, SHARED_INERT, TEST_DEFAULTS,
                            TRAIN_DEFAULTS, check_shared_choices,
                            encoder_config, head_config, model_section,
                            neck_config, pad_multiple, postprocessor_config,
                            score_fusion_config)

#: Defaults of TriDet, used where its yaml says nothing.
MODEL_DEFAULTS = dict(
    SHARED_DEFAULTS,
    backbone_type='SGP',
    n_sgp_win_size=1,
    k=1.5,
    sgp_mlp_dim=None,
    init_conv_vars=0.,
    downsample_type='max',
    use_trident_head=True,
    num_bins=16,
    boudary_kernel_size=3,  # spelled so there
    iou_weight_power=1.,
    input_noise=0.)


def convert_tridet(reference_cfg: dict) -> dict:
    """Convert TriDet's configuration of a model.

    Args:
        reference_cfg (dict): With ``model`` (which has ``input_dim`` and
            ``num_classes``, or they stand in ``dataset``), ``train_cfg`` and
            ``test_cfg``.

    Returns:
        dict: A configuration for ``dyfadet_mm.registry.MODELS.build`` that
        computes the same; it builds from any default scope.

    Raises:
        ConversionError: If ``input_dim`` or ``num_classes`` is missing, or
            the configuration asks for a part that TriDet does not
            have, or that is not built here.
    """
    model, in_channels, num_classes = model_section(reference_cfg)
    model = complete('model', model, MODEL_DEFAULTS, SHARED_INERT)
    train = complete('train_cfg', reference_cfg.get('train_cfg'),
                     TRAIN_DEFAULTS, ('clip_grad_l2norm', 'dropout'))
    test = complete('test_cfg', reference_cfg.get('test_cfg'), TEST_DEFAULTS)
    check_choices(
        'model',
        model,
        backbone_type=('SGP', 'conv'),
        downsample_type=('max', 'avg'))
    check_shared_choices(model, train, test)

    return dict(
        type='dyfadet_mm.SingleStageTAD',
        data_preprocessor=dict(
            type='dyfadet_mm.TADDataPreprocessor',
            max_seq_len=model['max_seq_len'],
            size_divisor=pad_multiple(_windows(model)),
            input_noise=model['input_noise']),
        backbone=_backbone(model, train, in_channels),
        neck=neck_config(model),
        head=_head(model, train, num_classes),
        postprocessor=postprocessor_config(test),
        **score_fusion_config(test, softmax=False))


def _windows(model: dict) -> List[int]:
    """Kernel of every level, of which that of the stem is not used."""
    windows = model['n_sgp_win_size']
    num_levels = model['backbone_arch'][2] + 1
    if isinstance(windows, int):
        windows = [windows] * num_levels
    if len(windows) != num_levels:
        raise ConversionError(
            f'model.n_sgp_win_size must be one number or {num_levels}, one '
            f'for the stem and one for each of the {num_levels - 1} branch '
            f'layers of model.backbone_arch, but got {show(windows)}')
    return list(windows)


def _backbone(model: dict, train: dict, in_channels: int) -> dict:
    """The encoder."""
    cfg = encoder_config(model, in_channels)
    if model['backbone_type'] == 'conv':
        # has no position encoding, whatever the yaml says
        return dict(cfg, type='dyfadet_mm.ConvBackbone', position=None)
    return dict(
        type='dyfadet_mm.SGPBackbone',
        kernel_size=model['n_sgp_win_size'],
        factor=model['k'],
        mlp_channels=model['sgp_mlp_dim'],
        drop_path_rate=train['droppath'],
        init_std=model['init_conv_vars'],
        downsample=model['downsample_type'],
        **cfg)


def _head(model: dict, train: dict, num_classes: int) -> dict:
    """The head with its targets and losses."""
    cfg = head_config(model, train, num_classes)
    if not model['use_trident_head']:
        # ActionFormer's
        return dict(type='dyfadet_mm.ConvHead', reg_weight='points', **cfg)
    return dict(
        type='dyfadet_mm.TridentHead',
        num_bins=model['num_bins'],
        boundary_kernel_size=model['boudary_kernel_size'],
        iou_weight_power=model['iou_weight_power'],
        **cfg)
