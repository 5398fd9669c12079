"""The published code's configuration as a configuration of ours."""
from .choices import check_choices, complete
from .shared_config import (SHARED_DEFAULTS, SHARED_INERT, TEST_DEFAULTS,
                            TRAIN_DEFAULTS, check_shared_choices,
                            encoder_config, head_config, model_section,
                            neck_config, postprocessor_config,
                            score_fusion_config)

#: Defaults of the published code, used where its yaml says nothing.
MODEL_DEFAULTS = dict(
    SHARED_DEFAULTS,
    backbone_type='DynE',
    n_encoder_win_size=1,
    head_act='relu',
    dyn_head_flag=True,
    dyn_head=dict(),
    k=1.5,
    mlp_dim=None,
    init_conv_vars=0.,
    input_noise=0.)
#: Activations of the depth path's gate.
GATES = ('GeReTanH', 'ReTanH', 'ReLU', 'Sigmoid')
DYN_HEAD_DEFAULTS = dict(tau=1.5, type='GeReTanH', dyn_type='c')
#: Keys of the published yamls that do not change what the model computes.
INERT = dict(
    model=(*SHARED_INERT, 'budget_loss_lambda'),
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
        ConversionError: If ``input_dim`` or ``num_classes`` is missing, or
            the configuration asks for a part that the published
            DyFADet does not have.
    """
    model, in_channels, num_classes = model_section(reference_cfg)
    dyn_head = complete('model.dyn_head', model.get('dyn_head'),
                        DYN_HEAD_DEFAULTS, INERT['dyn_head'])
    model = complete('model', model, MODEL_DEFAULTS, INERT['model'])
    train = complete('train_cfg', reference_cfg.get('train_cfg'),
                     TRAIN_DEFAULTS, INERT['train_cfg'])
    test = complete('test_cfg', reference_cfg.get('test_cfg'), TEST_DEFAULTS)
    check_choices(
        'model', model, backbone_type=('DynE', ), head_act=('relu', ))
    check_shared_choices(model, train, test)

    coarsest = 2**model['backbone_arch'][2]
    return dict(
        type='dyfadet_mm.SingleStageTAD',
        data_preprocessor=dict(
            type='dyfadet_mm.TADDataPreprocessor',
            max_seq_len=model['max_seq_len'],
            size_divisor=coarsest * model['n_encoder_win_size'],
            input_noise=model['input_noise']),
        backbone=dict(
            type='dyfadet_mm.DynEBackbone',
            **encoder_config(model, in_channels),
            kernel_size=model['n_encoder_win_size'],
            factor=model['k'],
            mlp_channels=model['mlp_dim'],
            drop_path_rate=train['droppath'],
            init_std=model['init_conv_vars']),
        neck=neck_config(model),
        head=_head(model, dyn_head, train, num_classes),
        postprocessor=postprocessor_config(test),
        **score_fusion_config(test))


def _head(model: dict, dyn_head: dict, train: dict, num_classes: int) -> dict:
    """The head with its targets and losses."""
    cfg = head_config(model, train, num_classes)
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
