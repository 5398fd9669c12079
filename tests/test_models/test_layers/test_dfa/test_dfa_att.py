import pytest
import torch
from slow_layers import re_tanh, slow_depth_path, slow_scale_path

from dyfadet_mm.models import DFAAtt
from dyfadet_mm.structures import PackedPyramid, Pyramid

TAP = dict(type='dyfadet_mm.TapAttention')
CONV = dict(type='dyfadet_mm.ConvAttention')
RETANH = dict(type='dyfadet_mm.ReTanH')
SIZES = pytest.mark.parametrize('kernel_size, length', [(3, 7), (5, 6), (3, 1),
                                                        (5, 2), (3, 3)])
ATTENTIONS = pytest.mark.parametrize(
    'attention',
    [TAP, dict(TAP, formation='k'),
     dict(TAP, formation='ck'), CONV])


@pytest.fixture
def run(make_cells, run_packed):
    """A layer on one level with numbers on its padding."""

    def _run(layer, x, lengths):
        cells = make_cells(lengths, x.size(2))
        [out] = run_packed(layer, Pyramid.of([x], cells),
                           layer.mix.num_taps - 1)
        return out

    return _run


def assert_each_video_equals(out, x, lengths, slow):
    for video, length in enumerate(lengths):
        mask = torch.arange(x.size(2)) < length
        expected = slow(x[video].numpy(), mask.numpy())
        torch.testing.assert_close(out[video], torch.from_numpy(expected))


@SIZES
@pytest.mark.parametrize('formation', ['c', 'k', 'ck'])
def test_scale_path_equals_its_definition(formation, kernel_size, length,
                                          randomise, run):
    layer = randomise(
        DFAAtt(3, 4, kernel_size, dict(TAP, formation=formation)))
    x, lengths = torch.randn(2, 3, length).double(), [length, -(-length // 2)]
    assert_each_video_equals(
        run(layer, x, lengths), x, lengths, lambda x, mask: slow_scale_path(
            x, mask, layer, formation, kernel_size))


def test_scale_path_reads_the_squared_features(randomise, run):
    """``W (M x_s^2)``: the sign of the features reaches only the gate."""
    layer = randomise(DFAAtt(3, 4, attention=TAP))
    with torch.no_grad():
        layer.attention.gate.conv.weight.zero_()
        layer.attention.gate.conv.bias.fill_(2.)
    x = torch.randn(1, 3, 6).double()
    torch.testing.assert_close(run(layer, x, [6]), run(layer, -x, [6]))


@SIZES
@pytest.mark.parametrize('act_cfg, act', [(RETANH, re_tanh)])
def test_depth_path_equals_its_definition(kernel_size, length, act_cfg, act,
                                          randomise, run):
    layer = randomise(DFAAtt(3, 4, kernel_size, dict(CONV, act_cfg=act_cfg)))
    x, lengths = torch.randn(2, 3, length).double(), [length, -(-length // 2)]
    assert_each_video_equals(
        run(layer, x, lengths), x, lengths,
        lambda x, mask: slow_depth_path(x, mask, layer, kernel_size, act))


def test_depth_path_uses_ge_re_tanh_by_default(randomise, run):
    layer = randomise(DFAAtt(3, 4, attention=CONV))
    x, lengths = torch.randn(2, 3, 6).double(), [6, 4]
    assert_each_video_equals(
        run(layer, x, lengths), x, lengths,
        lambda x, mask: slow_depth_path(x, mask, layer, 3))


@pytest.mark.parametrize('padding', ['published', 'ignored', 'opentad'])
@ATTENTIONS
def test_strided_outputs_are_those_of_the_whole(attention, padding, randomise,
                                                make_pyramid):
    layer = randomise(DFAAtt(3, 4, 5, attention))
    strided = DFAAtt(3, 4, 5, attention, stride=2).double()
    strided.load_state_dict(layer.state_dict())
    pyramid = make_pyramid([9, 6], 9, 3, channels=3, padding=padding)
    packed = PackedPyramid(pyramid.cells, 4)
    x = packed.clean(torch.randn(1, 3, packed.starts[-1]).double())
    out = layer(x, packed)
    assert out.any()
    torch.testing.assert_close(strided(x, packed), out[..., ::2])


@ATTENTIONS
def test_every_parameter_gets_a_gradient(attention, randomise, run):
    layer = randomise(DFAAtt(4, 3, attention=attention))
    out = run(layer, torch.randn(2, 4, 9).double(), [9, 9])
    (out * torch.randn_like(out)).sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


@pytest.mark.parametrize('attention', [TAP, CONV])
def test_padding_is_zero_and_videos_are_independent(attention, randomise, run):
    layer = randomise(DFAAtt(4, 3, attention=attention))
    x = torch.randn(2, 4, 8).double()
    out = run(layer, x, [8, 5])
    assert not out[1, :, 5:].any()
    other = torch.cat((x[:1] + 1, x[1:]))
    assert torch.equal(run(layer, other, [8, 5])[1], out[1])


def test_even_kernels_are_refused():
    with pytest.raises(ValueError, match='kernel_size must be odd'):
        DFAAtt(4, 3, 2, CONV)
