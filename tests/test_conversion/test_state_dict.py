import re
from pathlib import Path

import pytest
import torch
from published_weights import PublishedWeights

from dyfadet_mm.conversion import (ConversionError, convert_config,
                                   convert_key, convert_state_dict)
from dyfadet_mm.registry import MODELS

GOLDEN = Path(__file__).parents[1] / 'data' / 'golden'


def build(head_width=32,
          num_taps=3,
          depth=3,
          dyn_type='c',
          neck='identity',
          static=False,
          **kwargs):
    model = dict(
        input_dim=6,
        num_classes=3,
        backbone_arch=(2, 1, 2),
        regression_range=[(0, 4), (4, 8), (8, 10000)],
        n_encoder_win_size=5,
        k=1.5,
        embd_dim=16,
        fpn_dim=16,
        fpn_type=neck,
        head_dim=head_width,
        head_kernel_size=num_taps,
        head_num_layers=depth,
        mlp_dim=24,
        max_seq_len=16,
        dyn_head_flag=not static,
        dyn_head=dict(dyn_type=dyn_type),
        **kwargs)
    return MODELS.build(convert_config(dict(model=model)))


def patterns(names):
    return {re.sub(r'\d+', '#', name) for name in names}


@pytest.mark.parametrize('name, static', [('thumos_like', False),
                                          ('static_head', True)])
def test_the_names_of_these_tests_are_those_of_real_checkpoints(name, static):
    recorded = torch.load(GOLDEN / f'{name}.pt', weights_only=True)
    ours = PublishedWeights(static=static)
    assert patterns(ours) == patterns(recorded['state_dict'])


@pytest.mark.parametrize('options', [
    dict(),
    dict(depth=1, head_width=16),
    dict(depth=4, num_taps=5, neck='fpn'),
    dict(dyn_type='ck', num_taps=5),
    dict(dyn_type='k'),
    dict(static=True, depth=4, neck='fpn'),
])
@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_weights_load_strictly(options, prefix):
    weights = PublishedWeights(**options)
    converted = convert_state_dict({
        prefix + name: value
        for name, value in weights.items()
    })
    model = build(use_abs_pe=options.get('depth') == 4, **options)
    model.load_state_dict(converted, strict=True)
    # every number has arrived
    saved = model.state_dict()
    assert all(torch.equal(saved[name], converted[name]) for name in converted)
    assert set(saved) - set(converted) == {'head.loss_normalizer.value'}
    for outputs in model(torch.randn(1, 6, 16)):
        assert [x.size(2) for x in outputs] == [16, 8, 4]


@pytest.fixture(scope='module')
def loaded():
    """Published weights and the model that loaded them."""
    torch.manual_seed(0)
    weights, model = PublishedWeights(neck='fpn'), build(neck='fpn')
    model.load_state_dict(convert_state_dict(weights), strict=True)
    return weights, model


@pytest.mark.parametrize(
    'theirs, ours',
    [
        ('backbone.embd.1.conv.weight', 'backbone.embed.1.weight'),
        ('backbone.embd_norm.1.bias', 'backbone.embed_norms.1.bias'),
        ('backbone.branch.1.convw.weight', 'backbone.branch.1.window.weight'),
        ('backbone.branch.1.convkw.bias', 'backbone.branch.1.wide.bias'),
        ('backbone.branch.0.psi.weight', 'backbone.branch.0.psi.weight'),
        ('backbone.stem.0.global_fc.weight', 'backbone.stem.0.phi.weight'),
        ('backbone.stem.0.fc.weight', 'backbone.stem.0.fc.weight'),
        ('backbone.stem.0.ln.weight', 'backbone.stem.0.norm.weight'),
        ('backbone.stem.0.gn.weight', 'backbone.stem.0.group_norm.weight'),
        ('backbone.stem.0.mlp.2.weight', 'backbone.stem.0.mlp.2.weight'),
        ('backbone.branch.0.drop_path_out.scale',
         'backbone.branch.0.drop_path_out.scale'),
        ('backbone.branch.0.drop_path_mlp.scale',
         'backbone.branch.0.drop_path_mlp.scale'),
        ('neck.lateral_convs.2.conv.weight', 'neck.lateral_convs.2.weight'),
        ('neck.fpn_convs.2.conv.weight', 'neck.fpn_convs.2.weight'),
        ('neck.fpn_norms.0.weight', 'neck.norms.0.weight'),
        ('cls_head.cls_head.conv.weight', 'head.conv_cls.weight'),
        ('reg_head.offset_head.conv.bias', 'head.conv_reg.bias'),
        ('reg_head.scale.2.scale', 'head.scales.2.scale'),
        ('cls_head.head.0.scale_weight', 'head.cls_tower.layers.0.gamma'),
        ('reg_head.head.1.output_weight', 'head.reg_tower.layers.1.alpha'),
        # the first dynamic convolution reads the finer level
        ('cls_head.head.0.dynamic_convs.0.conv.weight',
         'head.cls_tower.layers.0.down.mix.weight'),
        ('cls_head.head.0.dynamic_convs.1.conv.weight',
         'head.cls_tower.layers.0.up.mix.weight'),
        ('reg_head.head.1.dynamic_convs.1.kernel_conv.gate_conv.weight',
         'head.reg_tower.layers.1.up.attention.gate.conv.weight'),
        ('reg_head.head.0.dynamic_convs.0.norm.bias',
         'head.reg_tower.layers.0.down.norm.bias'),
        ('reg_head.head.0.depth_module.conv.weight',
         'head.reg_tower.layers.0.depth.mix.weight'),
        ('reg_head.head.0.depth_module.norm.weight',
         'head.reg_tower.layers.0.depth.norm.weight'),
        ('cls_head.head.1.depth_module.kernel_conv.convs.0.weight',
         'head.cls_tower.layers.1.depth.attention.conv.weight'),
        ('cls_head.head.1.depth_module.kernel_conv.convs.1.weight',
         'head.cls_tower.layers.1.depth.attention.norm.weight'),
        ('cls_head.head.1.depth_module.kernel_conv.gate.gate_conv.bias',
         'head.cls_tower.layers.1.depth.attention.gate.bias'),
    ])
def test_weights_arrive_where_they_belong(theirs, ours, loaded):
    weights, model = loaded
    assert convert_key(theirs) == ours
    parameter = model.get_parameter(ours)
    assert torch.equal(parameter.flatten(), weights[theirs].flatten())


@pytest.mark.parametrize('name', [
    'cls_head.head.0.norm.weight',
    'reg_head.head.1.norm.bias',
    'cls_head.head.0.depth_module.shift_conv.weight',
    'reg_head.head.0.dynamic_convs.1.shift_conv.weight',
])
def test_parameters_of_no_use_are_dropped(name):
    assert convert_key(name) is None
    assert convert_state_dict({name: torch.ones(1)}) == {}


def test_every_weight_is_converted_once_or_dropped():
    weights = PublishedWeights(neck='fpn')
    kept = [name for name in weights if convert_key(name) is not None]
    dropped = {
        name
        for name in weights
        if 'shift_conv' in name or re.search(r'head\.\d\.norm', name)
    }
    assert set(weights) - set(kept) == dropped
    assert len(convert_state_dict(weights)) == len(kept)


def test_branches_without_scales_get_ones():
    """Without stochastic depth the published code has no scales."""
    weights = PublishedWeights(drop_path=False)
    assert not any('drop_path' in name for name in weights)
    converted = convert_state_dict(weights)
    scales = [name for name in converted if 'drop_path' in name]
    assert sorted(scales) == [
        f'backbone.branch.{i}.drop_path_{part}.scale' for i in range(2)
        for part in ('mlp', 'out')
    ]
    for name in scales:
        assert torch.equal(converted[name], torch.ones(16))
    build().load_state_dict(converted, strict=True)


def test_scales_of_attention_without_drop_path_are_one():
    weights = {
        f'module.backbone.{name}.ln2.weight': torch.randn(1, 8, 1)
        for name in ('stem.1', 'branch.0')
    }
    converted = convert_state_dict(weights)
    assert sorted(converted) == sorted(f'backbone.{name}.{part}'
                                       for name in ('stem.1', 'branch.0')
                                       for part in ('norm2.weight',
                                                    'drop_path_attn.scale',
                                                    'drop_path_mlp.scale'))
    assert torch.equal(converted['backbone.stem.1.drop_path_mlp.scale'],
                       torch.ones(8))


def test_norms_and_scales_are_vectors_and_factors_scalars():
    converted = convert_state_dict(PublishedWeights())
    for name, value in converted.items():
        if 'norm' in name or 'drop_path' in name:
            assert value.ndim == 1, name
        if name.endswith(('gamma', 'alpha')):
            assert value.shape == (), name


@pytest.mark.parametrize('name', [
    'backbone.branch.0.attn.query_foo.weight',
    'cls_head.head.0.dynamic_convs.2.conv.weight',
    'cls_head.head.0.dynamic_convs.0.kernel_conv.foo.weight',
    'cls_head.head.0.depth_module.conv.running_mean',
    'fc.weight',
    'rpn_head.cls_head.conv.weight',
])
def test_unknown_names_are_refused(name):
    with pytest.raises(KeyError, match=re.escape(name)):
        convert_key(name)


def test_all_unknown_names_are_listed_without_their_prefix():
    weights = PublishedWeights()
    weights['module.z.weight'] = weights['a.bias'] = torch.ones(1)
    with pytest.raises(
            KeyError, match=r"unknown keys: \['a.bias', 'z.weight'"):
        convert_state_dict(weights)


def test_given_weights_are_not_changed():
    weights = PublishedWeights()
    names, norm = set(weights), weights['neck.fpn_norms.0.weight']
    convert_state_dict(weights)
    assert set(weights) == names and norm.shape == (1, 16, 1)


@pytest.mark.parametrize('theirs, ours', [
    ('backbone.branch.0.downsample.1.weight',
     'backbone.branch.0.downsample.weight'),
    ('module.start_head.head.1.conv.weight',
     'head.start_tower.convs.1.weight'),
    ('end_head.norm.0.bias', 'head.end_tower.norms.0.bias'),
    ('end_head.cls_head.conv.bias', 'head.conv_end.bias'),
    ('cls_head.cls_head.conv.bias', 'head.conv_cls.bias'),
])
def test_names_of_tridet(theirs, ours):
    assert convert_key(theirs) == ours


@pytest.mark.parametrize('value, problem', [
    ([1.], r'is \[1.0\]'),
    (None, 'is None'),
    (torch.ones(16, device='meta'), 'meta'),
    (torch.ones(16).to_sparse(), 'sparse'),
    (torch.ones(16).cfloat(), 'complex64'),
    (torch.ones(16).bool(), 'bool'),
    (torch.full((16, ), torch.nan), 'NaN'),
    (torch.full((16, ), torch.inf), 'infinite'),
    (torch.ones(1).expand(10**6, 10**6), 'numbers of their own'),
])
def test_what_is_no_weight_is_refused(value, problem):
    weights = PublishedWeights()
    weights['backbone.embd_norm.0.weight'] = value
    with pytest.raises(ConversionError, match=problem):
        convert_state_dict(weights)


def test_two_names_of_one_weight_are_refused():
    weights = PublishedWeights()
    name = next(iter(weights))
    weights[f'module.{name}'] = weights[name]
    with pytest.raises(ConversionError, match='every weight once'):
        convert_state_dict(weights)


def test_scales_are_one_number():
    weights = PublishedWeights()
    name = next(name for name in weights if name.endswith('scale_weight'))
    weights[name] = torch.ones(2)
    with pytest.raises(ConversionError, match='one number'):
        convert_state_dict(weights)


@pytest.mark.parametrize('state_dict', [None, [1], torch.ones(1), 'x'])
def test_only_dicts_are_converted(state_dict):
    with pytest.raises(ConversionError, match='must be a dict of tensors'):
        convert_state_dict(state_dict)


@pytest.mark.parametrize('name',
                         [7, None, 'drop_path_' * 10**5, b'x', '\x1b[31m'])
def test_wrong_names_are_shown_in_short(name):
    with pytest.raises(ConversionError) as error:
        convert_state_dict({name: torch.ones(1)})
    assert len(str(error.value)) < 2000
