import pytest
import torch
from slow_layers import slow_dfa_conv

from dyfadet_mm.models import DFAConv


@pytest.mark.parametrize('formation', ['c', 'k', 'ck'])
@pytest.mark.parametrize('kernel_size, length', [(3, 7), (5, 6), (3, 1),
                                                 (5, 2), (1, 3)])
def test_conv_equals_its_definition(formation, kernel_size, length, randomise,
                                    make_masks):
    layer = randomise(DFAConv(3, 4, kernel_size, formation))
    x = torch.randn(2, 3, length).double()
    [mask] = make_masks([length, (length + 1) // 2], length)
    out = layer(x, mask)
    for video in range(2):
        expected = slow_dfa_conv(x[video].numpy(), mask[video, 0].numpy(),
                                 layer, formation, kernel_size)
        torch.testing.assert_close(out[video], torch.from_numpy(expected))


def test_formation_k_weighs_taps_and_not_channels(randomise):
    """Eq. (3): one gate per tap, the same for all channels.

    Only tap 2 is open, so the layer must read the next cell of every
    channel. The published code multiplies tensors of two orders here.
    """
    layer = DFAConv(2, 2, 3, 'k', act_cfg=dict(type='dyfadet_mm.ReTanH'))
    with torch.no_grad():
        layer.gate.conv.weight.zero_()
        layer.gate.conv.bias.copy_(torch.tensor([-9., -9., 9.]))
        layer.mix.weight.zero_()
        layer.mix.bias.zero_()
        for s in range(3):
            layer.mix.weight[0, 0 * 3 + s] = 1  # channel 0, every tap
            layer.mix.weight[1, 1 * 3 + s] = 1
    x = torch.tensor([[[1., 2., 3., 4.], [10., 20., 30., 40.]]])
    out = layer(x, torch.ones(1, 1, 4))
    expected = torch.tensor([[[2., 3., 4., 0.], [20., 30., 40., 0.]]])
    torch.testing.assert_close(out, expected)


def test_open_gates_give_a_plain_convolution():
    layer = DFAConv(3, 4, 3, act_cfg=dict(type='Sigmoid'), init_bias=50.)
    layer.init_weights()
    x, mask = torch.randn(1, 3, 9), torch.ones(1, 1, 9)
    weight = layer.mix.weight.view(4, 3, 3)  # channel-major taps
    expected = torch.conv1d(x, weight, layer.mix.bias, padding=1)
    torch.testing.assert_close(layer(x, mask), expected)


@pytest.mark.parametrize('formation', ['c', 'k', 'ck'])
def test_every_parameter_gets_a_gradient(formation, randomise):
    layer = randomise(DFAConv(4, 3, formation=formation))
    layer(torch.randn(2, 4, 9).double(),
          torch.ones(2, 1, 9)).pow(2).sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


def test_padding_is_zero_and_videos_are_independent(randomise, make_masks):
    layer = randomise(DFAConv(4, 3))
    x, [mask] = torch.randn(2, 4, 8).double(), make_masks([8, 5], 8)
    out = layer(x, mask)
    assert not out[1, :, 5:].any()
    other = torch.cat((x[:1] + 1, x[1:]))
    assert torch.equal(layer(other, mask)[1], out[1])


def test_gate_starts_half_open():
    layer = DFAConv(4, 3)
    layer.init_weights()
    assert layer.gate.conv.bias.tolist() == [1.5] * 4
