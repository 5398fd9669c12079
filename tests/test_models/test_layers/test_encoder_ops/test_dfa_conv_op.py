from functools import partial

import pytest
import torch
from hypothesis import strategies as st
from slow_encoder_ops import (any_case, assert_equals, make_input,
                              slow_dfa_conv_op)

from dyfadet_mm.models import DFAConv, DFAConv1d

FORMATIONS = ['c', 'k', 'ck']


@any_case(
    formation=st.sampled_from(FORMATIONS),
    stride=st.sampled_from([1, 2, 3]),
    kernel_size=st.sampled_from([1, 3, 5]),
    tau=st.sampled_from([0.5, 1.5]))
def test_op_equals_its_definition(formation, stride, kernel_size, tau, length,
                                  valid, seed, randomise):
    op = DFAConv1d(3, 2, kernel_size, stride, formation=formation, tau=tau)
    slow = partial(slow_dfa_conv_op, formation=formation, tau=tau)
    assert_equals(
        randomise(op, seed), slow, *make_input(3, length, valid, seed))


@pytest.mark.parametrize('formation', FORMATIONS)
@pytest.mark.parametrize('stride', [1, 2])
def test_op_is_the_layer_at_every_strided_cell(formation, stride, randomise):
    op = randomise(DFAConv1d(3, 2, stride=stride, formation=formation))
    layer = DFAConv(3, 2, formation=formation).double()
    layer.load_state_dict(op.state_dict())
    x, mask = make_input(3, 9, 6, 0)
    expected = layer(x * mask, mask)[..., ::stride]
    torch.testing.assert_close(op(x, mask)[0], expected)


@pytest.mark.parametrize('tau', [0.5, 1.5])
def test_gates_start_about_half_open(tau):
    op = DFAConv1d(3, 2, tau=tau)
    op.init_weights()
    assert op.gate.conv.bias.tolist() == [tau] * 3
    assert not op.mix.bias.any()
    gate = op.gate(torch.zeros(4, 3))  # tanh(tau) / (1 + tanh(tau))
    assert (gate > 0.3).all() and (gate < 0.5).all()


def test_formation_is_one_of_three():
    with pytest.raises(ValueError, match="formation must be .* but got 'kc'"):
        DFAConv1d(3, 2, formation='kc')
