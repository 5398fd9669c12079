import pytest
import torch
from opentad_weights import OpenTADWeights, model_dict

from dyfadet_mm.conversion import (convert_config, convert_key,
                                   convert_state_dict)
from dyfadet_mm.registry import MODELS

OPTIONS = [
    dict(),
    dict(width=16, head_width=24, encoder_win_size=15, arch=(1, 3, 5)),
    dict(
        head=dict(num_convs=3, head_kernel_size=5),
        dyn_head=dict(dyn_type='ck')),
]


@pytest.mark.parametrize('options', OPTIONS)
@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_weights_load_strictly(options, prefix):
    config = model_dict(**options)
    weights = OpenTADWeights(config)
    converted = convert_state_dict({
        name.replace('module.', prefix, 1): value
        for name, value in weights.items()
    })
    model = MODELS.build(convert_config(config))
    model.load_state_dict(converted, strict=True)
    saved = model.state_dict()
    assert saved.keys() == converted.keys()
    assert all(torch.equal(saved[name], converted[name]) for name in saved)


@pytest.mark.parametrize(
    'theirs, ours',
    [
        ('projection.embed.1.conv.weight', 'backbone.embed.1.weight'),
        ('projection.embed.1.norm.bias', 'backbone.embed_norms.1.bias'),
        ('projection.branch.4.convkw.weight', 'backbone.branch.4.wide.weight'),
        ('projection.stem.0.global_fc.bias', 'backbone.stem.0.phi.bias'),
        ('projection.stem.0.ln.weight', 'backbone.stem.0.norm.weight'),
        ('projection.branch.0.drop_path_mlp.scale',
         'backbone.branch.0.drop_path_mlp.scale'),
        ('neck.fpn_norms.5.weight', 'neck.norms.5.weight'),
        ('rpn_head.cls_head.weight', 'head.conv_cls.weight'),
        ('rpn_head.reg_head.bias', 'head.conv_reg.bias'),
        ('rpn_head.scale.2.scale', 'head.scales.2.scale'),
        ('rpn_head.cls_convs.0.scale_weight', 'head.cls_tower.layers.0.gamma'),
        ('rpn_head.reg_convs.1.output_weight',
         'head.reg_tower.layers.1.alpha'),
        # the first dynamic convolution reads the finer level
        ('rpn_head.cls_convs.0.dynamic_convs.0.conv.weight',
         'head.cls_tower.layers.0.down.mix.weight'),
        ('rpn_head.reg_convs.1.dynamic_convs.1.kernel_conv.gate_conv.weight',
         'head.reg_tower.layers.1.up.attention.gate.conv.weight'),
        ('rpn_head.cls_convs.1.depth_module.kernel_conv.conv.weight',
         'head.cls_tower.layers.1.depth.attention.conv.weight'),
        ('rpn_head.cls_convs.1.depth_module.kernel_conv.norm.weight',
         'head.cls_tower.layers.1.depth.attention.norm.weight'),
        ('rpn_head.cls_convs.1.depth_module.kernel_conv.gate.gate_conv.bias',
         'head.cls_tower.layers.1.depth.attention.gate.bias'),
        ('rpn_head.cls_convs.1.depth_module.conv.bias',
         'head.cls_tower.layers.1.depth.mix.bias'),
        ('rpn_head.cls_convs.1.depth_module.norm.bias',
         'head.cls_tower.layers.1.depth.norm.bias'),
        ('rpn_head.cls_convs.0.depth_module.shift_conv.weight', None),
        ('rpn_head.reg_convs.1.dynamic_convs.1.shift_conv.weight', None),
    ])
def test_weights_arrive_where_they_belong(theirs, ours):
    assert convert_key('module.' + theirs) == convert_key(theirs) == ours


def test_only_the_shift_kernels_are_dropped():
    weights = OpenTADWeights(model_dict())
    dropped = {name for name in weights if convert_key(name) is None}
    assert dropped == {name for name in weights if 'shift_conv' in name}
    assert len(convert_state_dict(weights)) == len(weights) - len(dropped)


@pytest.mark.parametrize('value', [
    torch.tensor(317),
    torch.tensor([317.]),
    torch.tensor(317, dtype=torch.float64)
])
def test_the_normalizer_becomes_a_float_that_training_goes_on_with(value):
    config = model_dict()
    weights = OpenTADWeights(config)
    weights['module.rpn_head.loss_normalizer'] = value
    model = MODELS.build(convert_config(config))
    model.load_state_dict(convert_state_dict(weights), strict=True)
    normalizer = model.head.loss_normalizer
    assert normalizer.value == 317 and normalizer.value.dtype == torch.float32
    updated = normalizer(torch.tensor(2))
    assert updated == pytest.approx(0.9 * 317 + 0.1 * 2)


def test_branches_without_scales_get_ones():
    """Without stochastic depth OpenTAD has no scales."""
    weights = OpenTADWeights(model_dict(path_pdrop=0.))
    assert not any('drop_path' in name for name in weights)
    converted = convert_state_dict(weights)
    scales = [name for name in converted if 'drop_path' in name]
    assert len(scales) == 2 * 5
    assert all((converted[name] == 1).all() for name in scales)


@pytest.mark.parametrize('name', [
    'projection.branch.0.attn.gate.weight',
    'rpn_head.cls_head.conv.weight',
    'rpn_head.cls_convs.0.act.weight',
    'rpn_head.cls_convs.0.dynamic_convs.2.conv.weight',
    'rpn_head.center_head.weight',
])
def test_unknown_names_are_refused_and_listed(name):
    weights = OpenTADWeights(model_dict())
    weights['module.' + name] = weights['module.z'] = torch.ones(1)
    with pytest.raises(KeyError, match=rf"unknown keys: \['{name}', 'z'\]"):
        convert_state_dict(weights)
