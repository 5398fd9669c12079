import pytest
import torch
from hypothesis import strategies as st
from slow_encoder_ops import (any_case, assert_equals, make_input,
                              slow_td3d_conv)
from torch.func import functional_call

from dyfadet_mm.models import PlainConv1d, TD3dConv1d


@any_case(
    stride=st.sampled_from([1, 2, 3]), kernel_size=st.sampled_from([1, 3, 5]))
def test_op_equals_its_definition(stride, kernel_size, length, valid, seed,
                                  randomise):
    op = randomise(TD3dConv1d(3, 2, kernel_size, stride), seed)
    assert_equals(op, slow_td3d_conv, *make_input(3, length, valid, seed))


@pytest.mark.parametrize('stride', [1, 2])
def test_op_starts_as_a_convolution(stride):
    op = TD3dConv1d(3, 4, 3, stride)
    op.init_weights()
    plain = PlainConv1d(3, 4, 3, stride)
    plain.load_state_dict(op.conv.state_dict())
    x, cells = make_input(3, 9, 4, 0)
    x = x.float() * cells.mask
    torch.testing.assert_close(op(x, cells), plain(x, cells))


def test_one_cell_can_set_the_kernel_of_the_whole_video(make_cells):
    """The attention picks cell 3, whose channel 1 shuts channel 0."""
    op = TD3dConv1d(2, 1, 1)
    op.init_weights()
    with torch.no_grad():
        op.conv.weight.copy_(torch.tensor([[[1.], [0.]]]))
        op.attention.weight.copy_(torch.tensor([[0., 50.]]))
        op.modulation.weight[0, 1] = -50.
    x = torch.tensor([[[1., 2., 3., 4., 5.], [0., 0., 0., 2., 0.]]])
    assert op(x, make_cells([5], 5)).abs().max() < 1e-6
    # without cell 3 the kernel stays as it is
    torch.testing.assert_close(
        op(x, make_cells([3], 5)), torch.tensor([[[1., 2., 3., 0., 0.]]]))


@pytest.mark.parametrize('stride', [1, 2])
def test_gradients_are_those_of_the_function(stride, randomise):
    op = randomise(TD3dConv1d(2, 2, 3, stride), 1)
    x, cells = make_input(2, 5, 4, 1)
    names, values = zip(*op.named_parameters())

    def run(x, *values):
        return functional_call(op, dict(zip(names, values)), (x, cells))

    assert torch.autograd.gradcheck(run, (x.requires_grad_(), *values))
