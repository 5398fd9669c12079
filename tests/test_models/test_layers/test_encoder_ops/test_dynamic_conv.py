import pytest
import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from slow_encoder_ops import (any_case, assert_equals, make_input,
                              slow_dynamic_conv)

from dyfadet_mm.models import DynamicConv1d


@any_case(
    stride=st.sampled_from([1, 2, 3]),
    kernel_size=st.sampled_from([1, 3, 5]),
    num_groups=st.sampled_from([1, 2, 6]))
def test_op_equals_its_definition(stride, kernel_size, num_groups, length,
                                  valid, seed, randomise):
    op = randomise(
        DynamicConv1d(3, 6, kernel_size, stride, num_groups=num_groups), seed)
    assert_equals(op, slow_dynamic_conv, *make_input(3, length, valid, seed))


@pytest.mark.parametrize('kernel_size', [3, 5])
@pytest.mark.parametrize('stride', [1, 2])
def test_op_starts_near_the_mean_of_its_taps(stride, kernel_size, make_cells):
    op = DynamicConv1d(4, 8, kernel_size, stride)
    op.init_weights()
    assert not op.bias.any() and not op.kernel.bias.any()
    x = torch.randn(2, 4, 9)
    value = op.value(x.transpose(1, 2)).transpose(1, 2)
    mean = F.avg_pool1d(value, kernel_size, stride, kernel_size // 2)
    out = op(x, make_cells([9, 9], 9))
    torch.testing.assert_close(out, mean, rtol=0, atol=0.05)
    assert not torch.equal(out, mean)


def test_start_is_drawn_with_the_standard_deviation_of_the_definition():
    op = DynamicConv1d(256, 256, num_groups=256)
    op.init_weights()
    assert op.kernel.weight.std().item() == pytest.approx(0.01, rel=0.05)


def test_there_are_eight_groups_unless_told_otherwise():
    assert DynamicConv1d(4, 16).kernel.out_features == 8 * 3


def test_channels_must_fill_the_groups():
    with pytest.raises(
            ValueError,
            match='out_channels must be a multiple of num_groups, but got '
            '12 channels and 8 groups'):
        DynamicConv1d(4, 12)
