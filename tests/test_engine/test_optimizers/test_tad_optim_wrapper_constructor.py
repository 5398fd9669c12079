import pytest
import torch
from mmengine.optim import build_optim_wrapper
from torch import nn


class _Model(nn.Module):
    """One parameter of every kind."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 4, 3)
        self.depthwise = nn.Conv1d(4, 4, 1, groups=4, bias=False)
        self.norm = nn.GroupNorm(2, 4)
        self.linear = nn.Linear(4, 2)
        self.scale = nn.Parameter(torch.tensor(1.))
        self.channel_scale = nn.Parameter(torch.ones(1, 4, 1))
        self.channel_scale.no_decay = True
        self.frozen = nn.Conv1d(4, 4, 1).requires_grad_(False)


def _build(model, optimizer=None, **kwargs):
    optimizer = optimizer or dict(type='AdamW', lr=1e-2, weight_decay=0.05)
    cfg = dict(
        type='OptimWrapper',
        constructor='dyfadet_mm.TADOptimWrapperConstructor',
        optimizer=optimizer)
    cfg.update(kwargs)
    return build_optim_wrapper(model, cfg)


def _names(model, group):
    members = {id(param) for param in group['params']}
    return {n for n, p in model.named_parameters() if id(p) in members}


def test_only_conv_and_linear_weights_decay():
    model = _Model()
    built = _build(model, clip_grad=dict(max_norm=1.))
    assert built.clip_grad_kwargs == dict(max_norm=1.)
    decays, stays = built.optimizer.param_groups
    assert decays['weight_decay'] == 0.05 and stays['weight_decay'] == 0
    assert decays['lr'] == stays['lr'] == 1e-2
    assert _names(
        model, decays) == {'conv.weight', 'depthwise.weight', 'linear.weight'}
    assert _names(model, stays) == {
        'conv.bias', 'norm.weight', 'norm.bias', 'linear.bias', 'scale',
        'channel_scale'
    }


def test_one_step_shrinks_a_weight_but_not_a_scale():
    model = _Model()
    built = _build(model, dict(type='AdamW', lr=0.1, weight_decay=0.5))
    weight = model.linear.weight.detach().clone()
    built.update_params(0. * sum(p.sum() for p in model.parameters()))
    assert torch.allclose(model.linear.weight, weight * (1 - 0.1 * 0.5))
    assert model.scale == 1 and (model.channel_scale == 1).all()


def test_shared_parameters_are_listed_once():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    groups = _build(model).optimizer.param_groups
    assert [len(group['params']) for group in groups] == [1, 2]


def test_a_model_without_decaying_weights_has_one_group():
    groups = _build(nn.GroupNorm(1, 4)).optimizer.param_groups
    assert len(groups) == 1 and groups[0]['weight_decay'] == 0


def test_optimizer_without_weight_decay_is_allowed():
    groups = _build(_Model(), dict(type='SGD', lr=0.1)).optimizer.param_groups
    assert [group['weight_decay'] for group in groups] == [0, 0]


def test_custom_keys_scale_rate_and_decay():
    model = _Model()
    keys = dict(
        conv=dict(lr_mult=0.5, decay_mult=2.), linear=dict(lr_mult=0.5))
    built = _build(model, paramwise_cfg=dict(custom_keys=keys))
    found = {
        name: (group['lr'], group['weight_decay'])
        for group in built.optimizer.param_groups
        for name in _names(model, group)
    }
    assert found['conv.weight'] == (0.005, 0.1)
    assert found['conv.bias'] == (0.005, 0)
    assert found['linear.weight'] == (0.005, 0.05)
    assert found['depthwise.weight'] == (0.01, 0.05)
    assert found['scale'] == (0.01, 0)
    assert len(found) == 9


def test_longest_custom_key_counts():
    keys = {'conv': dict(lr_mult=0.5), 'conv.weight': dict(lr_mult=0.1)}
    model = _Model()
    built = _build(model, paramwise_cfg=dict(custom_keys=keys))
    rates = {
        name: group['lr']
        for group in built.optimizer.param_groups
        for name in _names(model, group)
    }
    assert rates['conv.weight'] == pytest.approx(1e-3)
    assert rates['conv.bias'] == pytest.approx(5e-3)


@pytest.mark.parametrize('paramwise_cfg, words', [
    (dict(norm_decay_mult=0.),
     "only have custom_keys, but got .'norm_decay_m"),
    (dict(custom_keys=dict(conv=dict(momentum=1))), "but got .'momentum'"),
])
def test_rules_that_are_not_obeyed_are_refused(paramwise_cfg, words):
    with pytest.raises(ValueError, match=words):
        _build(_Model(), paramwise_cfg=paramwise_cfg)


def test_a_decay_multiplier_needs_a_decay():
    with pytest.raises(ValueError, match='weight_decay for decay_mult'):
        _build(
            _Model(),
            dict(type='SGD', lr=0.1),
            paramwise_cfg=dict(custom_keys=dict(conv=dict(decay_mult=0.))))
