"""What configurations of DyFADet, ActionFormer and TriDet have in common.

The three codes stand on one another: their yamls have the same sections, and
most keys mean the same in all.
"""
from typing import Any, Sequence, Tuple

from .choices import check_choices, read, section_of
from .errors import ConversionError

#: Defaults of the section ``model`` that all three codes have.
SHARED_DEFAULTS = dict(
    backbone_arch=(2, 2, 5),
    scale_factor=2,
    regression_range=[(0, 4), (4, 8), (8, 16), (16, 32), (32, 64),
                      (64, 10000)],
    embd_kernel_size=3,
    embd_dim=512,
    embd_with_ln=True,
    fpn_type='identity',
    fpn_dim=512,
    fpn_with_ln=True,
    fpn_start_level=0,
    head_dim=512,
    head_kernel_size=3,
    head_num_layers=3,
    head_with_ln=True,
    max_seq_len=2304,
    use_abs_pe=False)
TRAIN_DEFAULTS = dict(
    center_sample='radius',
    center_sample_radius=1.5,
    loss_weight=1.0,
    cls_prior_prob=0.01,
    init_loss_norm=2000.,
    head_empty_cls=(),
    droppath=0.1,
    label_smoothing=0.)
TEST_DEFAULTS = dict(
    pre_nms_thresh=0.001,
    pre_nms_topk=5000,
    iou_threshold=0.1,
    min_score=0.01,
    max_seg_num=1000,
    nms_method='soft',
    nms_sigma=0.5,
    duration_thresh=0.05,
    multiclass_nms=True,
    ext_score_file=None,
    voting_thresh=0.75)
#: Keys of the section ``model`` that do not change what it computes.
SHARED_INERT = ('max_buffer_len_factor', 'train_cfg', 'test_cfg', 'input_dim',
                'num_classes')


def model_section(reference_cfg: dict) -> Tuple[dict, Any, int]:
    """The section ``model``, with the sizes that ``dataset`` may have.

    Args:
        reference_cfg (dict): See :func:`convert_config`.

    Returns:
        tuple: The section, ``input_dim`` and ``num_classes``.

    Raises:
        ConversionError: If ``input_dim`` or ``num_classes`` is missing.
    """
    model = dict(section_of('model', reference_cfg['model']))
    data = section_of('dataset', reference_cfg.get('dataset'))
    for key in ('input_dim', 'num_classes', 'max_seq_len'):
        if key in data:
            model.setdefault(key, data[key])
    sizes = read('model', model, {}, ('input_dim', 'num_classes'))
    return model, sizes['input_dim'], sizes['num_classes']


def check_shared_choices(model: dict, train: dict, test: dict) -> None:
    """Refuse what none of the published detectors of this family has here.

    Args:
        model (dict): Complete section ``model``.
        train (dict): Complete section ``train_cfg``.
        test (dict): Complete section ``test_cfg``.

    Raises:
        ConversionError: If a value is something else, or widths do not fit.
    """
    check_choices(
        'model',
        model,
        fpn_type=('identity', 'fpn'),
        fpn_start_level=(0, ),
        scale_factor=(2, ),
        head_with_ln=(True, ))
    check_choices('train_cfg', train, center_sample=('radius', 'none'))
    check_choices('test_cfg', test, nms_method=('soft', 'hard', 'none'))
    width = embed_channels(model)
    if model['fpn_type'] == 'identity' and model['fpn_dim'] != width:
        raise ConversionError('model.fpn_dim must equal model.embd_dim where '
                              f"fpn_type is 'identity', but got "
                              f"{model['fpn_dim']} and {width}")


def embed_channels(model: dict) -> int:
    """Channels of the encoder.

    Args:
        model (dict): Complete section ``model``, whose ``embd_dim`` may be a
            list, one entry per set of features.

    Returns:
        int: Channels of all levels.
    """
    width = model['embd_dim']
    return sum(width) if isinstance(width, (list, tuple)) else width


def encoder_config(model: dict, in_channels: Any) -> dict:
    """What all encoders have: embedding, depth, position encoding.

    Args:
        model (dict): Complete section ``model``.
        in_channels (int | Sequence[int]): Channels of the features, or of
            each set of them.

    Returns:
        dict: Arguments of :class:`PyramidEncoder`, without ``type``.
    """
    position = None
    if model['use_abs_pe']:
        position = dict(
            type='dyfadet_mm.SinusoidPosition',
            max_seq_len=model['max_seq_len'])
    return dict(
        in_channels=in_channels,
        embed_channels=embed_channels(model),
        arch=tuple(model['backbone_arch']),
        embed_kernel_size=model['embd_kernel_size'],
        embed_norm=model['embd_with_ln'],
        position=position)


def neck_config(model: dict) -> dict:
    """The feature pyramid.

    Args:
        model (dict): Complete section ``model``.

    Returns:
        dict: The neck.
    """
    cfg = dict(
        num_levels=model['backbone_arch'][2] + 1, norm=model['fpn_with_ln'])
    if model['fpn_type'] == 'identity':
        return dict(
            type='dyfadet_mm.IdentityFPN', channels=model['fpn_dim'], **cfg)
    return dict(
        type='dyfadet_mm.FPN1d',
        in_channels=embed_channels(model),
        out_channels=model['fpn_dim'],
        **cfg)


def head_config(model: dict, train: dict, num_classes: int) -> dict:
    """What all heads have: sizes, targets and losses.

    Args:
        model (dict): Complete section ``model``.
        train (dict): Complete section ``train_cfg``.
        num_classes (int): Action classes.

    Returns:
        dict: Arguments of :class:`BaseTADHead`, without ``type``.
    """
    radius = train['center_sample_radius']
    if train['center_sample'] == 'none':
        radius = None
    loss_weight = train['loss_weight']
    return dict(
        num_classes=num_classes,
        in_channels=model['fpn_dim'],
        feat_channels=model['head_dim'],
        num_layers=model['head_num_layers'],
        kernel_size=model['head_kernel_size'],
        regression_ranges=[tuple(x) for x in model['regression_range']],
        assigner=dict(
            type='dyfadet_mm.PointSegmentAssigner', center_radius=radius),
        loss_reg=dict(
            type='dyfadet_mm.DIoULoss',
            loss_weight=loss_weight if loss_weight > 0 else 1.),
        loss_normalizer=dict(
            type='dyfadet_mm.LossNormalizer',
            init_value=train['init_loss_norm']),
        balance_losses=loss_weight <= 0,
        label_smoothing=train['label_smoothing'],
        prior_prob=train['cls_prior_prob'],
        empty_classes=list(train['head_empty_cls']))


def postprocessor_config(test: dict) -> dict:
    """Suppression and voting.

    Args:
        test (dict): Complete section ``test_cfg``.

    Returns:
        dict: The post-processor.
    """
    nms = dict(
        method=dict(soft='gaussian').get(test['nms_method'], 'hard'),
        sigma=test['nms_sigma'],
        iou_threshold=test['iou_threshold'],
        min_score=test['min_score'],
        max_num=test['max_seg_num'],
        class_wise=test['multiclass_nms'])
    return dict(
        type='dyfadet_mm.SegmentPostprocessor',
        score_thr=test['pre_nms_thresh'],
        pre_nms_topk=test['pre_nms_topk'],
        min_length=test['duration_thresh'],
        nms=None if test['nms_method'] == 'none' else nms,
        voting_thr=test['voting_thresh'])


def score_fusion_config(test: dict, **options: Any) -> dict:
    """Scores of a video classifier, where the yaml names a file of them.

    Args:
        test (dict): Complete section ``test_cfg``.
        options (Any): Further arguments of :class:`ScoreFusion`.

    Returns:
        dict: ``score_fusion`` of the detector, or nothing.
    """
    if not test['ext_score_file']:
        return dict()
    return dict(
        score_fusion=dict(
            type='dyfadet_mm.ScoreFusion',
            score_file=test['ext_score_file'],
            **options))


def pad_multiple(sizes: Sequence[int]) -> int:
    """Divisor of the padded length of long videos.

    Args:
        sizes (Sequence[int]): What the length of each level is a multiple
            of, finest level first.

    Returns:
        int: The largest of these in cells of the feature grid: the published
        codes take a maximum, not a common multiple.
    """
    return max(2**level * max(size, 1) for level, size in enumerate(sizes))
