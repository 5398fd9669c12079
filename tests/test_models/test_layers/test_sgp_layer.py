import pytest
import torch
import torch.nn.functional as F
from slow_layers import slow_sgp_layer

from dyfadet_mm.models import DynELayer, SGPLayer

DEPTHWISE = ('psi', 'window', 'wide', 'fc', 'phi')


@pytest.mark.parametrize('length', [2, 3, 7, 10])
@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('kernel_size, downsample, drop', [(1, 'max', None),
                                                           (3, 'max', 0.1),
                                                           (3, 'avg', 0.1)])
def test_layer_equals_its_definition(length, stride, kernel_size, downsample,
                                     drop, randomise, make_cells):
    layer = randomise(
        SGPLayer(
            32,
            downsample,
            kernel_size=kernel_size,
            factor=1.5,
            stride=stride,
            mlp_channels=6,
            drop_path_rate=drop)).eval()
    x = torch.randn(2, 32, length).double()
    cells = make_cells([length, (length + 1) // 2], length)
    out, out_mask = layer(x, cells), cells.at(stride).mask
    for video in range(2):
        expected, expected_mask = slow_sgp_layer(x[video].numpy(),
                                                 cells.mask[video, 0].numpy(),
                                                 layer, stride)
        torch.testing.assert_close(out[video], torch.from_numpy(expected))
        assert out_mask[video, 0].tolist() == expected_mask.tolist()


def test_only_the_rectified_windows_tell_it_from_dyne(randomise, make_cells):
    dyne, sgp = randomise(DynELayer(16, 3)), SGPLayer(16, kernel_size=3)
    sgp.double().load_state_dict(dyne.state_dict(), strict=True)
    x, cells = torch.randn(1, 16, 9).double(), make_cells([9], 9)
    assert (dyne(x, cells) - sgp(x, cells)).abs().max() > 1e-2
    for layer in (dyne, sgp):  # windows that are never negative
        for conv in (layer.window, layer.wide):
            conv.weight.data.zero_()
            conv.bias.data.fill_(0.5)
    torch.testing.assert_close(dyne(x, cells), sgp(x, cells))


@pytest.mark.parametrize('downsample', ['max', 'avg'])
@pytest.mark.parametrize('length', [1, 2, 3, 9, 16])
def test_length_is_halved_and_rounded_up(downsample, length, make_cells):
    layer = SGPLayer(32, downsample, kernel_size=3, stride=2)
    out = layer(
        torch.randn(2, 32, length),
        make_cells([length, (length + 1) // 2], length))
    assert out.shape == (2, 32, -(-length // 2))
    assert out.isfinite().all()


@pytest.mark.parametrize('downsample', ['max', 'avg'])
@pytest.mark.parametrize('length', [5, 8])
def test_padding_may_count_for_nothing(downsample, length, randomise,
                                       make_cells):
    layer = randomise(SGPLayer(16, downsample, kernel_size=3, stride=2))
    x = torch.randn(1, 16, length).double()
    noisy = torch.cat((x, torch.randn(1, 16, 14 - length)), 2)
    out = layer(x, make_cells([length], length, 'ignored'))
    padded = layer(noisy, make_cells([length], 14, 'ignored'))
    torch.testing.assert_close(padded, F.pad(out, (0, 7 - out.size(2))))


def test_every_parameter_gets_a_gradient(randomise, make_cells):
    layer = randomise(SGPLayer(16, 'avg', kernel_size=3, stride=2))
    out = layer(torch.randn(2, 16, 8).double(), make_cells([8, 8], 8))
    (out * torch.randn_like(out)).sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


def test_zero_depth_wise_weights_are_a_stationary_point(make_cells):
    layer = SGPLayer(16, kernel_size=3, init_std=0.)
    layer.init_weights()
    out = layer(torch.randn(2, 16, 8), make_cells([8, 8], 8))
    (out * torch.randn_like(out)).sum().backward()
    for name, parameter in layer.named_parameters():
        stationary = name.split('.')[0] in DEPTHWISE
        assert parameter.grad.any().item() is not stationary, name


def test_biases_start_at_zero():
    layer = SGPLayer(16, 'avg', stride=2, init_std=0.3)
    layer.init_weights()
    for name, parameter in layer.named_parameters():
        if name.endswith('.bias'):
            assert not parameter.any(), name


def test_unknown_pooling_is_refused():
    with pytest.raises(ValueError, match=r"\('max', 'avg'\), but got 'min'"):
        SGPLayer(16, 'min')
