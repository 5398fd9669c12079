import pytest
import torch
from slow_layers import re_tanh, slow_depth_path, slow_scale_path

from dyfadet_mm.models import DFAAtt
from dyfadet_mm.models.layers import PackedCells

TAP = dict(type='dyfadet_mm.TapAttention')
CONV = dict(type='dyfadet_mm.ConvAttention')
RETANH = dict(type='dyfadet_mm.ReTanH')
SIZES = pytest.mark.parametrize('kernel_size, length', [(3, 7), (5, 6), (3, 1),
                                                        (5, 2), (3, 3)])


def assert_each_video_equals(out, x, mask, slow):
    for video in range(len(x)):
        expected = slow(x[video].numpy(), mask[video, 0].numpy())
        torch.testing.assert_close(out[video], torch.from_numpy(expected))


@SIZES
@pytest.mark.parametrize('formation', ['c', 'k', 'ck'])
def test_scale_path_equals_its_definition(formation, kernel_size, length,
                                          randomise, make_masks):
    layer = randomise(
        DFAAtt(3, 4, kernel_size, dict(TAP, formation=formation)))
    x = torch.randn(2, 3, length).double()
    [mask] = make_masks([length, (length + 1) // 2], length)
    assert_each_video_equals(
        layer(x, mask), x, mask, lambda x, mask: slow_scale_path(
            x, mask, layer, formation, kernel_size))


def test_scale_path_reads_the_squared_features(randomise):
    """``W (M x_s^2)``: the sign of the features reaches only the gate."""
    layer = randomise(DFAAtt(3, 4, attention=TAP))
    with torch.no_grad():
        layer.attention.gate.conv.weight.zero_()
        layer.attention.gate.conv.bias.fill_(2.)
    x, mask = torch.randn(1, 3, 6).double(), torch.ones(1, 1, 6)
    torch.testing.assert_close(layer(x, mask), layer(-x, mask))


@SIZES
@pytest.mark.parametrize('act_cfg, act', [(RETANH, re_tanh)])
def test_depth_path_equals_its_definition(kernel_size, length, act_cfg, act,
                                          randomise, make_masks):
    layer = randomise(DFAAtt(3, 4, kernel_size, dict(CONV, act_cfg=act_cfg)))
    x = torch.randn(2, 3, length).double()
    [mask] = make_masks([length, (length + 1) // 2], length)
    assert_each_video_equals(
        layer(x, mask), x, mask,
        lambda x, mask: slow_depth_path(x, mask, layer, kernel_size, act))


def test_depth_path_uses_ge_re_tanh_by_default(randomise, make_masks):
    layer = randomise(DFAAtt(3, 4, attention=CONV))
    x, [mask] = torch.randn(2, 3, 6).double(), make_masks([6, 4], 6)
    assert_each_video_equals(
        layer(x, mask), x, mask,
        lambda x, mask: slow_depth_path(x, mask, layer, 3))


@pytest.mark.parametrize('rows', [
    slice(None),
    slice(None, None, 2),
    slice(8, None),
])
@pytest.mark.parametrize(
    'attention',
    [TAP, dict(TAP, formation='k'),
     dict(TAP, formation='ck'), CONV])
def test_wanted_rows_are_those_of_the_whole(attention, rows, randomise,
                                            make_masks):
    layer = randomise(DFAAtt(3, 4, 5, attention))
    cells = PackedCells(make_masks([9, 6], 9, 3), 4)
    x = torch.randn(cells.num_rows, 3).double() * cells.inside
    out = layer.forward_rows(x, cells)
    assert out.any()
    torch.testing.assert_close(layer.forward_rows(x, cells, rows), out[rows])


@pytest.mark.parametrize('attention', [
    TAP,
    dict(TAP, formation='k'),
    dict(TAP, formation='ck'),
    CONV,
])
def test_every_parameter_gets_a_gradient(attention, randomise):
    layer = randomise(DFAAtt(4, 3, attention=attention))
    out = layer(torch.randn(2, 4, 9).double(), torch.ones(2, 1, 9))
    (out * torch.randn_like(out)).sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


@pytest.mark.parametrize('attention', [TAP, CONV])
def test_padding_is_zero_and_videos_are_independent(attention, randomise,
                                                    make_masks):
    layer = randomise(DFAAtt(4, 3, attention=attention))
    x, [mask] = torch.randn(2, 4, 8).double(), make_masks([8, 5], 8)
    out = layer(x, mask)
    assert not out[1, :, 5:].any()
    other = torch.cat((x[:1] + 1, x[1:]))
    assert torch.equal(layer(other, mask)[1], out[1])


def test_even_kernels_are_refused():
    with pytest.raises(ValueError, match='kernel_size must be odd'):
        DFAAtt(4, 3, 2, CONV)
