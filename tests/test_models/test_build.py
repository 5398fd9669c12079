"""Every public part of the model builds by its name, from any scope."""
from collections import OrderedDict

import pytest
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import TASK_UTILS as ROOT_TASK_UTILS
from mmengine.registry import DefaultScope, init_default_scope

import dyfadet_mm.models
from dyfadet_mm.registry import MODELS, TASK_UTILS

HEAD = dict(num_classes=3, in_channels=4, feat_channels=5)
LAYER = dict(type='dyfadet_mm.DynELayer')
#: Arguments of every registered class.
CONFIGS = dict(
    # layers
    ChannelLayerNorm=dict(channels=4),
    ConvAttention=dict(channels=4),
    ConvLayer=dict(channels=8),
    ConvPath=dict(in_channels=4, out_channels=5),
    DFAAtt=dict(in_channels=4, out_channels=5),
    DFAConv1d=dict(in_channels=4, out_channels=5),
    DeformConv1d=dict(in_channels=4, out_channels=5),
    DynELayer=dict(channels=16),
    DynamicConv1d=dict(in_channels=4, out_channels=8),
    GeReTanH=dict(),
    LocalAttentionLayer=dict(channels=8),
    MaskedConv1d=dict(in_channels=4, out_channels=5, kernel_size=3),
    PlainConv1d=dict(in_channels=4, out_channels=5),
    ReTanH=dict(),
    SGPLayer=dict(channels=16),
    ScaledDropPath=dict(channels=4),
    SinusoidPosition=dict(channels=4, max_seq_len=8),
    SqueezeExcitation=dict(channels=4),
    TD3dConv1d=dict(in_channels=4, out_channels=5),
    TapAttention=dict(channels=4),
    TemporalAdapter=dict(channels=4),
    TemporalGate=dict(channels=4),
    # features
    FrameEncoder=dict(
        backbone=dict(type='dyfadet_mm.PixelBlocks'),
        mode='snippet',
        clip_len=1),
    PixelBlocks=dict(),
    # encoder and neck
    ConvBackbone=dict(in_channels=4, embed_channels=8),
    DynEBackbone=dict(in_channels=4, embed_channels=16),
    LocalAttentionBackbone=dict(in_channels=4, embed_channels=8),
    SGPBackbone=dict(in_channels=4, embed_channels=16),
    PyramidEncoder=dict(
        in_channels=4,
        embed_channels=16,
        stem_layer=LAYER,
        branch_layer=LAYER,
        position=dict(type='dyfadet_mm.SinusoidPosition', max_seq_len=8)),
    FPN1d=dict(in_channels=4, out_channels=5, num_levels=3),
    IdentityFPN=dict(channels=4, num_levels=3),
    MMDetNeck=dict(
        neck=dict(type='mmdet.FPN'),
        in_channels=4,
        out_channels=5,
        num_levels=3),
    # head and losses
    BaseTADHead=dict(HEAD, tower=dict(type='dyfadet_mm.ConvTower')),
    ConvHead=HEAD,
    ConvMultiScaleHead=HEAD,
    ConvTower=dict(in_channels=4, out_channels=5, num_layers=2),
    DyHead=HEAD,
    DyLayer=dict(in_channels=4, out_channels=5),
    DyTridentHead=HEAD,
    DyTower=dict(in_channels=4, out_channels=5, num_layers=2),
    TridentHead=HEAD,
    DIoULoss=dict(),
    FocalLoss=dict(),
    LossNormalizer=dict(),
    # detector
    SwapActions=dict(),
    TADDataPreprocessor=dict(),
    SingleStageTAD=dict(
        backbone=dict(
            type='dyfadet_mm.DynEBackbone', in_channels=4, embed_channels=16),
        neck=dict(type='dyfadet_mm.IdentityFPN', channels=16, num_levels=6),
        head=dict(type='dyfadet_mm.DyHead', **dict(HEAD, in_channels=16))),
    # helpers without parameters
    PointGenerator=dict(regression_ranges=[(0, 4), (4, 8)]),
    PointSegmentAssigner=dict(),
    SegmentCoder=dict(),
    SegmentPostprocessor=dict(),
    ScoreFusion=dict(score_file='no/scores.json'))


@pytest.fixture(params=['mmaction', 'mmdet', 'dyfadet_mm', None])
def scope(request, monkeypatch):
    """Default scope of the test; None is a process that has set none."""
    monkeypatch.setattr(DefaultScope, '_instance_dict', OrderedDict())
    if request.param is not None:
        init_default_scope(request.param)
    return request.param


def registered(registry):
    return {
        name
        for name, cls in registry.module_dict.items()
        if cls.__module__.startswith('dyfadet_mm.models.')
    }


def test_the_table_is_complete():
    assert registered(MODELS) | registered(TASK_UTILS) == set(CONFIGS)


def test_every_registered_class_is_exported():
    assert set(CONFIGS) <= set(vars(dyfadet_mm.models))


@pytest.mark.parametrize('root', [False, True], ids=['ours', 'root'])
def test_every_class_builds_by_its_full_name(scope, root):
    models, task_utils = MODELS, TASK_UTILS
    if root:
        models, task_utils = ROOT_MODELS, ROOT_TASK_UTILS
    for name, options in CONFIGS.items():
        registry = models if name in MODELS.module_dict else task_utils
        built = registry.build(dict(options, type=f'dyfadet_mm.{name}'))
        assert type(built).__name__ == name
        assert type(built).__module__.startswith('dyfadet_mm.models.')


def test_short_names_build_from_our_own_scope(monkeypatch):
    monkeypatch.setattr(DefaultScope, '_instance_dict', OrderedDict())
    init_default_scope('dyfadet_mm')
    head = ROOT_MODELS.build(dict(HEAD, type='DyHead'))
    assert type(head).__module__ == 'dyfadet_mm.models.heads.dyhead'


@pytest.mark.parametrize('name', [
    name for name in sorted(CONFIGS)
    if name not in ('GeReTanH', 'ReTanH', 'SegmentCoder')
])
def test_unknown_arguments_are_refused(name):
    registry = MODELS if name in MODELS.module_dict else TASK_UTILS
    cfg = dict(CONFIGS[name], type=f'dyfadet_mm.{name}', colour='red')
    with pytest.raises(TypeError, match='colour'):
        registry.build(cfg)
