from functools import partial

import pytest
import torch
from hypothesis import strategies as st
from slow_encoder_ops import (any_case, assert_equals, make_input,
                              slow_dfa_conv_op)
from slow_layers import slow_dfa_conv

from dyfadet_mm.models import DFAConv1d

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
@pytest.mark.parametrize('kernel_size, length', [(3, 7), (5, 6), (3, 1),
                                                 (5, 2), (1, 3)])
def test_op_equals_the_loops_over_the_shifted_grid(formation, kernel_size,
                                                   length, randomise,
                                                   make_cells):
    op = randomise(DFAConv1d(3, 4, kernel_size, formation=formation))
    cells = make_cells([length, (length + 1) // 2], length)
    x = torch.randn(2, 3, length).double() * cells.mask
    for video, out in enumerate(op(x, cells)):
        expected = slow_dfa_conv(x[video].numpy(), cells.mask[video,
                                                              0].numpy(), op,
                                 formation, kernel_size)
        torch.testing.assert_close(out, torch.from_numpy(expected))


@pytest.mark.parametrize('formation', FORMATIONS)
@pytest.mark.parametrize('stride', [1, 2])
def test_op_is_that_of_stride_1_at_every_strided_cell(formation, stride,
                                                      randomise):
    op = randomise(DFAConv1d(3, 2, stride=stride, formation=formation))
    whole = DFAConv1d(3, 2, formation=formation).double()
    whole.load_state_dict(op.state_dict())
    x, cells = make_input(3, 9, 6, 0)
    torch.testing.assert_close(op(x, cells), whole(x, cells)[..., ::stride])


def test_formation_k_weighs_taps_and_not_channels(make_cells):
    """Eq. (3): one gate per tap, the same for all channels.

    Only tap 2 is open, so the layer must read the next cell of every
    channel. The published code multiplies tensors of two orders here.
    """
    op = DFAConv1d(2, 2, 3, formation='k')
    with torch.no_grad():
        op.gate.conv.weight.zero_()
        op.gate.conv.bias.copy_(torch.tensor([-9., -9., 19.]))
        op.mix.weight.zero_()
        op.mix.bias.zero_()
        for s in range(3):
            op.mix.weight[0, 0 * 3 + s] = 1  # channel 0, every tap
            op.mix.weight[1, 1 * 3 + s] = 1
    x = torch.tensor([[[1., 2., 3., 4.], [10., 20., 30., 40.]]])
    out = op(x, make_cells([4], 4))
    expected = torch.tensor([[[2., 3., 4., 0.], [20., 30., 40., 0.]]])
    torch.testing.assert_close(out, expected)


def test_open_gates_give_a_plain_convolution(make_cells):
    op = DFAConv1d(3, 4, 3)
    torch.nn.init.constant_(op.gate.conv.bias, 50.)
    x = torch.randn(1, 3, 9)
    weight = op.mix.weight.view(4, 3, 3)  # channel-major taps
    expected = torch.conv1d(x, weight, op.mix.bias, padding=1)
    torch.testing.assert_close(op(x, make_cells([9], 9)), expected)


def test_padding_is_zero_and_videos_are_independent(randomise, make_cells):
    op = randomise(DFAConv1d(4, 3))
    x, cells = torch.randn(2, 4, 8).double(), make_cells([8, 5], 8)
    out = op(x, cells)
    assert not out[1, :, 5:].any()
    other = torch.cat((x[:1] + 1, x[1:]))
    assert torch.equal(op(other, cells)[1], out[1])


@pytest.mark.parametrize('tau', [0.5, 1.5])
def test_gates_start_about_half_open(tau):
    op = DFAConv1d(3, 2, tau=tau)
    op.init_weights()
    assert op.gate.conv.bias.tolist() == [tau] * 3
    assert not op.mix.bias.any()
    gate = op.gate(torch.zeros(1, 3, 4))  # tanh(tau) / (1 + tanh(tau))
    assert (gate > 0.3).all() and (gate < 0.5).all()


def test_formation_is_one_of_three():
    with pytest.raises(ValueError, match="formation must be .* but got 'kc'"):
        DFAConv1d(3, 2, formation='kc')
