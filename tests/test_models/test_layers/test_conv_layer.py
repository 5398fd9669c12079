from functools import partial

import pytest
import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from slow_encoder_ops import (any_case, assert_equals, make_input,
                              slow_conv_layer, slow_deform_conv,
                              slow_dfa_conv_op, slow_dynamic_conv,
                              slow_plain_conv, slow_td3d_conv)
from torch import nn

from dyfadet_mm.models import ConvLayer

SLOW_OPS = dict(
    PlainConv1d=slow_plain_conv,
    DeformConv1d=slow_deform_conv,
    TD3dConv1d=slow_td3d_conv,
    DynamicConv1d=slow_dynamic_conv,
    DFAConv1d=partial(slow_dfa_conv_op, formation='c'))
OWN_OPS = sorted(set(SLOW_OPS) - {'PlainConv1d'})
SQUEEZE = dict(type='dyfadet_mm.SqueezeExcitation', reduction=2)


def make_layer(op='PlainConv1d', channels=2, squeeze=None, **kwargs):
    op = dict(type=f'dyfadet_mm.{op}')
    if op['type'].endswith('DynamicConv1d'):
        op['num_groups'] = 2
    return ConvLayer(channels, op=op, squeeze=squeeze, **kwargs)


@any_case(
    op=st.sampled_from(sorted(SLOW_OPS)),
    stride=st.sampled_from([1, 2]),
    squeeze=st.sampled_from([None, SQUEEZE]))
def test_layer_equals_its_definition(op, stride, squeeze, length, valid, seed,
                                     randomise):
    layer = randomise(make_layer(op, stride=stride, squeeze=squeeze), seed)
    slow = partial(slow_conv_layer, slow_op=SLOW_OPS[op])
    assert_equals(layer, slow, *make_input(2, length, valid, seed))


@pytest.mark.parametrize('stride', [1, 2])
def test_plain_layer_is_the_published_block(stride, randomise):
    """Written with PyTorch's convolutions, on a padded video."""
    layer = randomise(make_layer(stride=stride))
    x, cells = make_input(2, 9, 5, 0)
    out_mask = cells.mask[..., ::stride]

    def conv(x, conv, stride=1):
        pad = conv.weight.size(2) // 2
        return F.conv1d(x, conv.weight, conv.bias, stride, pad) * out_mask

    y = conv(conv(x, layer.conv1, stride).relu(), layer.conv2)
    shortcut = x if stride == 1 else conv(x, layer.shortcut, stride)
    out = layer(x, cells)
    torch.testing.assert_close(out, (y + shortcut).relu())
    # where the grid is kept, so is the padding
    assert out[1, :, 5:].any().item() is (stride == 1)


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('op', sorted(SLOW_OPS))
def test_cells_behind_the_reach_do_not_reach_valid_ones(op, stride, randomise):
    layer = randomise(make_layer(op, stride=stride))
    x, cells = make_input(2, 11, 5, 0)
    assert layer.reach == (1 if op == 'PlainConv1d' else 0)
    out = layer(x, cells)[1]
    last = 5 + layer.reach
    other = x.clone()
    other[1, :, last:] += 1
    valid = cells.mask[1, 0, ::stride]
    assert torch.equal(layer(other, cells)[1][:, valid], out[:, valid])
    other[1, :, 5:] += 1
    same = torch.equal(layer(other, cells)[1][:, valid], out[:, valid])
    assert same is (layer.reach == 0)


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('op', sorted(SLOW_OPS))
def test_padding_that_is_all_alike_comes_out_all_alike(op, stride, randomise):
    layer = randomise(make_layer(op, stride=stride, squeeze=SQUEEZE))
    x, cells = make_input(2, 16, 5, 0)
    padding = torch.tensor([0.5, 2.]).double()[:, None]
    out = layer(torch.where(cells.mask, x, padding), cells)
    tail = out[1, :, ~cells.at(stride).mask[1, 0]]
    torch.testing.assert_close(tail, tail[:, -1:].expand_as(tail))


@any_case(
    op=st.sampled_from(sorted(SLOW_OPS)),
    stride=st.sampled_from([1, 2]),
    squeeze=st.sampled_from([None, SQUEEZE]),
    extra=st.integers(1, 9))
def test_padding_can_be_ignored_altogether(op, stride, squeeze, extra, length,
                                           valid, seed, randomise, make_cells):
    layer = randomise(make_layer(op, stride=stride, squeeze=squeeze), seed)
    x, cells = make_input(2, length, max(valid, 1), seed)
    cells = make_cells(cells.lengths, length + extra, 'ignored')
    out = layer(F.pad(x, (0, extra), value=7.), cells)
    out_mask = cells.at(stride).mask
    assert not (out * ~out_mask).any()
    for video, count in enumerate(cells.lengths):
        alone = layer(x[video:video + 1, :, :count],
                      make_cells([count], count, 'ignored'))
        torch.testing.assert_close(
            out[video, :, out_mask[video, 0]], alone[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize('op', OWN_OPS)
def test_own_ops_read_no_padding_in_any_case(op, randomise):
    layer = randomise(make_layer(op, squeeze=SQUEEZE))
    x, cells = make_input(2, 9, 5, 0)
    out = layer(x, cells)
    clean = layer(x * cells.mask, cells)
    assert torch.equal(out * cells.mask, clean * cells.mask)


@pytest.mark.parametrize('stride', [1, 2])
def test_start_is_that_of_pytorch_with_biases_of_zero(stride):
    layer = make_layer(channels=32, stride=stride)
    layer.init_weights()
    for name, parameter in layer.named_parameters():
        if name.endswith('bias'):
            assert not parameter.any(), name
        else:  # uniform up to 1 / sqrt(C K)
            bound = parameter[0].numel()**-0.5
            assert 0.8 * bound < parameter.abs().max() <= bound, name


def test_op_of_a_user_that_names_no_reach_may_read_all_of_the_padding():

    class UserOp(nn.Linear):

        def __init__(self, in_channels, out_channels, stride=1):
            super().__init__(in_channels, out_channels)

    assert ConvLayer(4, op=dict(type=UserOp)).reach is None


@pytest.mark.parametrize('kwargs, message', [
    (dict(stride=3), r'stride must be one of \(1, 2\), but got 3'),
    (dict(op=dict(type='dyfadet_mm.PlainConv1d', kernel_size=4)),
     'kernel_size must be odd and positive, but got 4'),
    (dict(op=dict(type='dyfadet_mm.DynamicConv1d', num_groups=3)),
     '32 channels and 3 groups'),
])
def test_layer_refuses_what_it_cannot_build(kwargs, message):
    with pytest.raises(ValueError, match=message):
        ConvLayer(16, **kwargs)
