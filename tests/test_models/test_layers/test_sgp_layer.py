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
                                     drop, randomise, make_masks):
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
    [mask] = make_masks([length, (length + 1) // 2], length)
    out, out_mask = layer(x, mask)
    for video in range(2):
        expected, expected_mask = slow_sgp_layer(x[video].numpy(),
                                                 mask[video, 0].numpy(), layer,
                                                 stride)
        torch.testing.assert_close(out[video], torch.from_numpy(expected))
        assert out_mask[video, 0].tolist() == expected_mask.tolist()


def test_only_the_rectified_windows_tell_it_from_dyne(randomise):
    dyne, sgp = randomise(DynELayer(16, 3)), SGPLayer(16, kernel_size=3)
    sgp.double().load_state_dict(dyne.state_dict(), strict=True)
    x, mask = torch.randn(1, 16, 9).double(), torch.ones(1, 1, 9).bool()
    assert (dyne(x, mask)[0] - sgp(x, mask)[0]).abs().max() > 1e-2
    for layer in (dyne, sgp):  # windows that are never negative
        for conv in (layer.window, layer.wide):
            conv.weight.data.zero_()
            conv.bias.data.fill_(0.5)
    torch.testing.assert_close(dyne(x, mask)[0], sgp(x, mask)[0])


@pytest.mark.parametrize('downsample', ['max', 'avg'])
@pytest.mark.parametrize('length', [1, 2, 3, 9, 16])
def test_length_is_halved_and_rounded_up(downsample, length, make_masks):
    layer = SGPLayer(32, downsample, kernel_size=3, stride=2)
    [mask] = make_masks([length, (length + 1) // 2], length)
    out, out_mask = layer(torch.randn(2, 32, length), mask)
    assert out.shape == (2, 32, -(-length // 2))
    assert out_mask.shape == (2, 1, out.size(2))
    assert out.isfinite().all() and out_mask[1, 0, 0]


@pytest.mark.parametrize('downsample', ['max', 'avg'])
@pytest.mark.parametrize('length', [5, 8])
def test_padding_may_count_for_nothing(downsample, length, randomise,
                                       make_masks):
    layer = randomise(SGPLayer(16, downsample, kernel_size=3, stride=2))
    layer.ignore_padding = True
    x = torch.randn(1, 16, length).double()
    [mask], [longer] = make_masks([length], length), make_masks([length], 14)
    noisy = torch.cat((x, torch.randn(1, 16, 14 - length)), 2)
    out, _ = layer(x, mask)
    padded, _ = layer(noisy, longer)
    torch.testing.assert_close(padded, F.pad(out, (0, 7 - out.size(2))))


def test_every_parameter_gets_a_gradient(randomise):
    layer = randomise(SGPLayer(16, 'avg', kernel_size=3, stride=2))
    out, _ = layer(torch.randn(2, 16, 8).double(), torch.ones(2, 1, 8))
    (out * torch.randn_like(out)).sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


def test_zero_depth_wise_weights_are_a_stationary_point():
    layer = SGPLayer(16, kernel_size=3, init_std=0.)
    layer.init_weights()
    out, _ = layer(torch.randn(2, 16, 8), torch.ones(2, 1, 8))
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
    with pytest.raises(ValueError, match="'max' or 'avg', but got 'min'"):
        SGPLayer(16, 'min')
