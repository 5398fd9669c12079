import pytest
import torch
from hypothesis import strategies as st
from slow_encoder_ops import (any_case, assert_equals, make_input,
                              slow_deform_conv)
from torch.func import functional_call

from dyfadet_mm.models import DeformConv1d, PlainConv1d
from dyfadet_mm.models.layers.encoder_ops import sample_linear


@any_case(
    stride=st.sampled_from([1, 2, 3]),
    kernel_size=st.sampled_from([1, 3, 5]),
    reach=st.sampled_from([0.3, 1., 10.]))
def test_op_equals_its_definition(stride, kernel_size, reach, length, valid,
                                  seed, randomise):
    op = randomise(DeformConv1d(3, 2, kernel_size, stride), seed)
    with torch.no_grad():
        op.offset.weight.mul_(reach)
    assert_equals(op, slow_deform_conv, *make_input(3, length, valid, seed))


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('length', [1, 2, 9])
def test_op_starts_as_a_convolution(length, stride):
    op = DeformConv1d(3, 4, 3, stride)
    op.init_weights()
    plain = PlainConv1d(3, 4, 3, stride)
    plain.load_state_dict(op.conv.state_dict())
    assert not op.conv.bias.any()
    x, cells = make_input(3, length, 4, 0)
    x = x.float() * cells.mask
    torch.testing.assert_close(op(x, cells), plain(x, cells))


def test_an_offset_moves_the_tap_and_fades_between_cells(make_cells):
    op = DeformConv1d(1, 1, 1)
    op.init_weights()
    torch.nn.init.ones_(op.conv.weight)
    x, cells = torch.tensor([[[1., 2., 4., 8., 16.]]]), make_cells([5], 5)
    for offset, expected in ((1., [2, 4, 8, 16, 0]), (-2., [0, 0, 1, 2, 4]),
                             (0.25, [1.25, 2.5, 5, 10,
                                     12]), (-0.5, [.5, 1.5, 3, 6, 12])):
        torch.nn.init.constant_(op.offset.bias, offset)
        assert op(x, cells).flatten().tolist() == expected


@pytest.mark.parametrize('size', [-1e30, -1e9, -14., 14., 1e9, 1e30])
def test_taps_far_outside_read_nothing(size, make_cells):
    op = DeformConv1d(3, 4, 3)
    op.init_weights()
    torch.nn.init.constant_(op.offset.bias, size)
    torch.nn.init.ones_(op.conv.bias)
    x = torch.randn(2, 3, 11, requires_grad=True)
    out = op(x, make_cells([11, 11], 11))
    assert torch.equal(out, torch.ones_like(out))
    out.sum().backward()
    for tensor in (x, *op.parameters()):
        assert tensor.grad.isfinite().all()
    assert not op.offset.weight.grad.any() and not x.grad.any()


def test_offsets_keep_their_precision_on_long_grids():
    """As numbers, cell 100000 and 0.3 add up to 100000.297 in float32."""
    x = torch.arange(100002.).fmod(2)[None, :, None]
    out = sample_linear(x, torch.tensor([[100000]]), torch.tensor([[[0.3]]]))
    torch.testing.assert_close(out.item(), 0.3, rtol=0, atol=1e-7)


@pytest.mark.parametrize('stride', [1, 2])
def test_gradients_are_those_of_the_function(stride, randomise):
    op = randomise(DeformConv1d(2, 2, 3, stride), 1)
    x, cells = make_input(2, 5, 4, 1)
    names, values = zip(*op.named_parameters())

    def run(x, *values):
        return functional_call(op, dict(zip(names, values)), (x, cells))

    assert torch.autograd.gradcheck(run, (x.requires_grad_(), *values))


def test_every_parameter_gets_a_gradient_at_the_start(make_cells):
    """Offsets of zero are not a stationary point."""
    op = DeformConv1d(3, 4)
    op.init_weights()
    out = op(torch.randn(2, 3, 9), make_cells([9, 9], 9))
    (out * torch.randn_like(out)).sum().backward()
    for name, parameter in op.named_parameters():
        assert parameter.grad.any(), name
