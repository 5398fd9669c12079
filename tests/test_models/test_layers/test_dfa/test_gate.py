import math

import numpy as np
import pytest
import torch
from slow_layers import ge_re_tanh, re_tanh, slow_gate

from dyfadet_mm.models import GeReTanH, ReTanH, TemporalGate

ACTS = [(dict(type='dyfadet_mm.GeReTanH', tau=2.), lambda x: ge_re_tanh(x, 2)),
        (dict(type='dyfadet_mm.ReTanH'), re_tanh),
        (dict(type='ReLU'), lambda x: max(x, 0.)),
        (dict(type='Sigmoid'), lambda x: 1 / (1 + math.exp(-x)))]


def test_re_tanh_is_tanh_above_zero_and_zero_below():
    out = ReTanH()(torch.tensor([-2., 0., 0.5]))
    assert out.tolist() == pytest.approx([0., 0., math.tanh(0.5)])


@pytest.mark.parametrize('tau', [0., 0.7, 1.5, 3.])
def test_ge_re_tanh_follows_its_formula(tau):
    x = torch.linspace(-4, 8, 25, dtype=torch.float64)
    out = GeReTanH(tau)(x)
    expected = [ge_re_tanh(float(value), tau) for value in x]
    assert out.tolist() == pytest.approx(expected, abs=1e-12)
    assert not out[x < 0].any() and (out[1:] >= out[:-1]).all()
    assert out[-1] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize('tau', [0.7, 1.5])
def test_shut_gates_can_train_and_let_nothing_through(tau):
    x = torch.linspace(-4, 4, 18, dtype=torch.float64).requires_grad_()
    published, trained = GeReTanH(tau), GeReTanH(tau, trains_shut=True)
    assert torch.equal(trained(x), published(x))
    with torch.no_grad():
        assert torch.equal(trained(x), published(x))
    grad, = torch.autograd.grad(published(x).sum(), x)
    mended, = torch.autograd.grad(trained(x).sum(), x)
    assert torch.equal(mended[x > 0], grad[x > 0])
    assert not grad[x < 0].any()
    near, = torch.autograd.grad(published(y := x * 0 + 1e-9).sum(), y)
    torch.testing.assert_close(mended[x < 0], near[x < 0])


def test_a_gate_that_trains_shut_keeps_its_tanh_alone():
    x = torch.randn(50, requires_grad=True)
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(
            lambda each: saved.append(each.clone()) or each,
            lambda each: each):
        GeReTanH(1.5, trains_shut=True)(x)
    [tanh] = saved
    torch.testing.assert_close(tanh, (x.clamp(min=0) - 1.5).tanh())


def test_ge_re_tanh_without_shift_is_re_tanh():
    x = torch.randn(50)
    torch.testing.assert_close(GeReTanH(0.)(x), ReTanH()(x))


@pytest.mark.parametrize(
    'act_cfg, act', ACTS, ids=[cfg['type'] for cfg, _ in ACTS])
@pytest.mark.parametrize('formation, shape', [('c', (1, 4, 1, 6)),
                                              ('k', (1, 1, 3, 6)),
                                              ('ck', (1, 4, 3, 6))])
def test_gate_equals_its_definition(formation, shape, act_cfg, act, randomise):
    gate = randomise(TemporalGate(4, 3, formation, act_cfg))
    x = torch.randn(1, 4, 6).double()
    out = gate(x)
    assert out.shape == shape
    expected = slow_gate(x[0].numpy(), np.ones(6), gate.conv, formation, 3,
                         act)  # (C, K, T)
    torch.testing.assert_close(out[0].expand(4, 3, 6),
                               torch.from_numpy(expected))


@pytest.mark.parametrize('formation', ['c', 'k', 'ck'])
def test_gate_is_never_negative(formation):
    out = TemporalGate(4, formation=formation)(torch.randn(1, 4, 9))
    assert (out >= 0).all() and out.any() and not out.all()


def test_formation_c_with_as_many_channels_as_taps_is_still_depth_wise():
    """The published code confuses C and K here."""
    gate = TemporalGate(3, 3, 'c')
    assert gate.conv.weight.shape == (3, 1, 3)
    assert TemporalGate(3, 3, 'k').conv.weight.shape == (3, 3, 3)
    assert gate(torch.randn(2, 3, 5)).shape == (2, 3, 1, 5)


def test_gate_starts_at_the_bias_that_is_asked_for():
    gate = TemporalGate(4, formation='ck', init_bias=1.5)
    gate.init_weights()
    assert gate.conv.bias.tolist() == [1.5] * 12
    out = gate(torch.zeros(1, 4, 6))
    expected = torch.full_like(out, ge_re_tanh(1.5))
    torch.testing.assert_close(out, expected)


@pytest.mark.parametrize(
    'kwargs, message',
    [(dict(formation='kc'), r"formation must be one of .*, but got 'kc'"),
     (dict(kernel_size=4), 'kernel_size must be odd and positive, but got 4')])
def test_gate_refuses_what_it_cannot_build(kwargs, message):
    with pytest.raises(ValueError, match=message):
        TemporalGate(4, **kwargs)
