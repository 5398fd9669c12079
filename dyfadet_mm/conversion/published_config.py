"""The published code's configuration as a configuration of ours."""
from .choices import check_choices, check_window, complete

#: Defaults of the published code, used where its yaml says nothing.
MODEL_DEFAULTS = dict(
    backbone_type='DynE',
    backbone_arch=(2, 2, 5),
    scale_factor=2,
    regression_range=[(0, 4), (4, 8), (8, 16), (16, 32), (32, 64),
                      (64, 10000)],
    n_encoder_win_size=1,
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
    head_act='relu',
    head_with_ln=True,
    dyn_head_flag=True,
    dyn_head=dict(),
    max_seq_len=2304,
    use_abs_pe=False,
    k=1.5,
    mlp_dim=None,
    init_conv_vars=0.,
    input_noise=0.)
#: Activations of the depth path's gate.
GATES = ('GeReTanH', 'ReTanH', 'ReLU', 'Sigmoid')
DYN_HEAD_DEFAULTS = dict(tau=1.5, type='GeReTanH', dyn_type='c')
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
#: Keys of the published yamls that do not change what the model computes.
INERT = dict(
    model=('max_buffer_len_factor', 'budget_loss_lambda', 'train_cfg',
           'test_cfg', 'input_dim', 'num_classes'),
    # init_gate only matters to a training from scratch, which starts here
    # as PyTorch does
    dyn_head=('budget_loss_lambda', 'init_gate'),
    train_cfg=('clip_grad_l2norm', 'dropout'))


def convert_published(reference_cfg: dict) -> dict:
    """Convert the published code's configuration of a model.

    Args:
        reference_cfg (dict): With ``model`` (which has ``input_dim`` and
            ``num_classes``, or they stand in ``dataset``), ``train_cfg`` and
            ``test_cfg``.

    Returns:
        dict: A configuration for ``dyfadet_mm.registry.MODELS.build`` that
        computes the same; it builds from any default scope.

    Raises:
        KeyError: If ``input_dim`` or ``num_classes`` is missing.
        ValueError: If the configuration asks for a part that the published
            DyFADet does not have.
    """
    model = dict(reference_cfg['model'])
    for key, value in reference_cfg.get('dataset', {}).items():
        if key in ('input_dim', 'num_classes', 'max_seq_len'):
            model.setdefault(key, value)
    for key in ('input_dim', 'num_classes'):
        if key not in model:
            raise KeyError(f"reference_cfg['model'] must have {key!r}")
    in_channels, num_classes = model['input_dim'], model['num_classes']
    dyn_head = complete('dyn_head', model.get('dyn_head'), DYN_HEAD_DEFAULTS,
                        INERT['dyn_head'])
    model = complete('model', model, MODEL_DEFAULTS, INERT['model'])
    train = complete('train_cfg', reference_cfg.get('train_cfg'),
                     TRAIN_DEFAULTS, INERT['train_cfg'])
    test = complete('test_cfg', reference_cfg.get('test_cfg'), TEST_DEFAULTS)
    _check_choices(model, train, test)

    coarsest = 2**model['backbone_arch'][2]
    cfg = dict(
        type='dyfadet_mm.SingleStageTAD',
        data_preprocessor=dict(
            type='dyfadet_mm.TADDataPreprocessor',
            max_seq_len=model['max_seq_len'],
            size_divisor=coarsest * model['n_encoder_win_size'],
            input_noise=model['input_noise']),
        backbone=_backbone(model, train, in_channels),
        neck=_neck(model),
        head=_head(model, dyn_head, train, num_classes),
        postprocessor=_postprocessor(test))
    if test['ext_score_file']:
        cfg['score_fusion'] = dict(
            type='dyfadet_mm.ScoreFusion', score_file=test['ext_score_file'])
    return cfg


def _check_choices(model: dict, train: dict, test: dict) -> None:
    """Refuse what the published DyFADet cannot build."""
    check_choices(
        'model',
        model,
        backbone_type=('DynE', ),
        fpn_type=('identity', 'fpn'),
        fpn_start_level=(0, ),
        scale_factor=(2, ),
        head_act=('relu', ),
        head_with_ln=(True, ))
    check_choices('train_cfg', train, center_sample=('radius', 'none'))
    check_choices('test_cfg', test, nms_method=('soft', 'hard', 'none'))
    check_window('model.n_encoder_win_size', model['n_encoder_win_size'])
    if model['fpn_type'] == 'identity' and (model['fpn_dim']
                                            != model['embd_dim']):
        raise ValueError('model.fpn_dim must equal model.embd_dim where '
                         f"fpn_type is 'identity', but got "
                         f"{model['fpn_dim']} and {model['embd_dim']}")


def _backbone(model: dict, train: dict, in_channels: int) -> dict:
    """The encoder."""
    position = None
    if model['use_abs_pe']:
        position = dict(
            type='dyfadet_mm.SinusoidPosition',
            max_seq_len=model['max_seq_len'])
    return dict(
        type='dyfadet_mm.DynEBackbone',
        in_channels=in_channels,
        embed_channels=model['embd_dim'],
        arch=tuple(model['backbone_arch']),
        embed_kernel_size=model['embd_kernel_size'],
        embed_norm=model['embd_with_ln'],
        position=position,
        kernel_size=model['n_encoder_win_size'],
        factor=model['k'],
        mlp_channels=model['mlp_dim'],
        drop_path_rate=train['droppath'],
        init_std=model['init_conv_vars'])


def _neck(model: dict) -> dict:
    """The feature pyramid."""
    cfg = dict(
        num_levels=model['backbone_arch'][2] + 1, norm=model['fpn_with_ln'])
    if model['fpn_type'] == 'identity':
        return dict(
            type='dyfadet_mm.IdentityFPN', channels=model['fpn_dim'], **cfg)
    return dict(
        type='dyfadet_mm.FPN1d',
        in_channels=model['embd_dim'],
        out_channels=model['fpn_dim'],
        **cfg)


def _head(model: dict, dyn_head: dict, train: dict, num_classes: int) -> dict:
    """The head with its targets and losses."""
    radius = train['center_sample_radius']
    if train['center_sample'] == 'none':
        radius = None
    loss_weight = train['loss_weight']
    cfg = dict(
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
    if not model['dyn_head_flag']:
        return dict(type='dyfadet_mm.ConvHead', **cfg)
    return dict(
        type='dyfadet_mm.DyHead',
        formation=dyn_head['dyn_type'],
        tau=dyn_head['tau'],
        depth_act_cfg=_activation(dyn_head),
        **cfg)


def _activation(dyn_head: dict) -> dict:
    """Activation of the depth path's gate."""
    check_choices('model.dyn_head', dyn_head, type=GATES)
    name = dyn_head['type']
    if name == 'GeReTanH':
        return dict(type='dyfadet_mm.GeReTanH', tau=dyn_head['tau'])
    return dict(type='dyfadet_mm.ReTanH' if name == 'ReTanH' else name)


def _postprocessor(test: dict) -> dict:
    """Suppression and voting."""
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
