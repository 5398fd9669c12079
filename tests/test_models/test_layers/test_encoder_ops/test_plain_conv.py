import pytest
import torch
from hypothesis import strategies as st
from slow_encoder_ops import (any_case, assert_equals, make_input,
                              slow_plain_conv)

from dyfadet_mm.models import PlainConv1d


@any_case(
    stride=st.sampled_from([1, 2, 3]), kernel_size=st.sampled_from([1, 3, 5]))
def test_op_equals_its_definition(stride, kernel_size, length, valid, seed,
                                  randomise):
    op = randomise(PlainConv1d(3, 2, kernel_size, stride), seed)
    assert_equals(op, slow_plain_conv, *make_input(3, length, valid, seed))


@pytest.mark.parametrize('stride', [1, 2])
def test_wide_op_equals_pytorch(stride):
    """At this width a CPU takes another way at stride 1."""
    op = PlainConv1d(256, 256, 3, stride).double()
    x, cells = make_input(256, 9, 4, 0)
    expected = torch.conv1d(x, op.weight, op.bias, stride, 1)
    mask = cells.mask[..., ::stride]
    torch.testing.assert_close(op(x, cells), expected * mask)


@pytest.mark.parametrize('kernel_size', [1, 3, 5])
def test_reach_is_how_far_the_op_reads_into_padding(kernel_size, randomise):
    op = randomise(PlainConv1d(3, 2, kernel_size))
    x, cells = make_input(3, 11, 5, 0)
    out = op(x, cells)[1]
    for cell in range(5, 11):
        other = x.clone()
        other[1, :, cell] += 1
        changed = not torch.equal(op(other, cells)[1], out)
        assert changed == (cell < 5 + op.reach)
