import pytest
import torch
from slow_layers import slow_dyne_layer
from torch import nn

from dyfadet_mm.models import DynELayer
from dyfadet_mm.models.layers.dyne_layer import scaled_kernel_size

DEPTHWISE = ('psi', 'window', 'wide', 'fc', 'phi')


@pytest.mark.parametrize(
    'kernel_size, factor, expected',
    [
        (1, 1.5, 3),
        (1, 5, 11),
        (1, 4, 9),
        (15, 1.2, 19),
        (15, 1.3, 21),
        (3, 1.2, 5),
        (9, 0.25, 3),  # 2.5 rounds to the even 2, plus 1
        (5, 0.75, 5),  # 4.5 rounds to 4, plus 1
    ])
def test_wide_kernel_is_scaled_rounded_and_made_odd(kernel_size, factor,
                                                    expected):
    assert scaled_kernel_size(kernel_size, factor) == expected
    layer = DynELayer(16, kernel_size, factor)
    assert layer.wide.kernel_size == (expected, )
    assert layer.window.kernel_size == layer.psi.kernel_size == (kernel_size, )


@pytest.mark.parametrize('length', [2, 3, 7, 10])
@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('kernel_size, drop', [(1, None), (3, 0.1)])
def test_layer_equals_its_definition(length, stride, kernel_size, drop,
                                     randomise, make_cells):
    layer = randomise(
        DynELayer(
            32, kernel_size, 1.5, stride, mlp_channels=6,
            drop_path_rate=drop)).eval()
    x = torch.randn(2, 32, length).double()
    cells = make_cells([length, (length + 1) // 2], length)
    out, out_mask = layer(x, cells), cells.at(stride).mask
    for video in range(2):
        expected, expected_mask = slow_dyne_layer(x[video].numpy(),
                                                  cells.mask[video, 0].numpy(),
                                                  layer, stride)
        torch.testing.assert_close(out[video], torch.from_numpy(expected))
        assert out_mask[video, 0].tolist() == expected_mask.tolist()


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('length', [1, 2, 3, 9, 16])
def test_length_is_halved_and_rounded_up(length, stride, make_cells):
    layer = DynELayer(32, 3, stride=stride)
    cells = make_cells([length, (length + 1) // 2], length)
    out, mask = layer(torch.randn(2, 32, length), cells), cells.at(stride).mask
    assert out.shape == (2, 32, -(-length // stride))
    assert mask.shape == (2, 1, out.size(2)) and mask.dtype is torch.bool
    assert out.isfinite().all() and mask[1, 0, 0]


@pytest.mark.parametrize('drop', [None, 0.])
def test_every_parameter_gets_a_gradient(drop, randomise, make_cells):
    layer = randomise(DynELayer(16, 3, drop_path_rate=drop))
    out = layer(torch.randn(2, 16, 8).double(), make_cells([8, 8], 8))
    (out * torch.randn_like(out)).sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


def test_zero_depth_wise_weights_are_a_stationary_point(make_cells):
    layer = DynELayer(16, 3, init_std=0.)
    layer.init_weights()
    out = layer(torch.randn(2, 16, 8), make_cells([8, 8], 8))
    (out * torch.randn_like(out)).sum().backward()
    for name, parameter in layer.named_parameters():
        stationary = name.split('.')[0] in DEPTHWISE
        assert parameter.grad.any().item() is not stationary, name


def test_without_depth_wise_weights_only_norm_and_mlp_are_left(make_cells):
    layer = DynELayer(16, 3, init_std=0., drop_path_rate=0.).eval()
    layer.init_weights()
    x, cells = torch.randn(2, 16, 8), make_cells([5, 5], 8)
    out = x * cells.mask + layer.drop_path_out(layer.norm(x))
    out = out + layer.drop_path_mlp(layer.mlp(layer.group_norm(out)))
    torch.testing.assert_close(layer(x, cells), out)


def test_init_weights_draws_the_depth_wise_weights_and_zeroes_all_biases():
    layer = DynELayer(256, 5, 2., init_std=0.3)
    layer.init_weights()
    for name in DEPTHWISE:
        conv = getattr(layer, name)
        assert conv.weight.std().item() == pytest.approx(0.3, rel=0.15)
        assert abs(conv.weight.mean().item()) < 0.06
    for conv in layer.modules():
        if isinstance(conv, nn.Conv1d):
            assert not conv.bias.any()


def test_only_layers_with_a_rate_have_branch_scales():
    assert isinstance(DynELayer(16).drop_path_out, nn.Identity)
    layer = DynELayer(16, drop_path_rate=0.3)
    for branch in (layer.drop_path_out, layer.drop_path_mlp):
        assert branch.scale.tolist() == pytest.approx([1e-4] * 16)
        assert branch.drop_prob == 0.3


def test_mlp_is_four_times_as_wide_by_default():
    assert DynELayer(16).mlp[0].out_channels == 64
    assert DynELayer(16, mlp_channels=24).mlp[0].out_channels == 24


def test_videos_are_independent(randomise, make_cells):
    layer = randomise(DynELayer(16, 3, stride=2))
    x, cells = torch.randn(2, 16, 8).double(), make_cells([8, 5], 8)
    other = torch.cat((x[:1] + 1, x[1:]))
    assert torch.equal(layer(other, cells)[1], layer(x, cells)[1])


def test_statistics_cover_the_padding_as_published(randomise, make_cells):
    layer = randomise(DynELayer(16, 3))
    cells = make_cells([5], 8)
    x = torch.randn(1, 16, 8).double() * cells.mask
    padded = torch.nn.functional.pad(x, (0, 4))
    out = layer(x, cells)
    longer = layer(padded, make_cells([5], 12))
    assert out[..., 5:].any()  # not zeroed
    assert (out[..., :5] - longer[..., :5]).abs().max() > 1e-3


@pytest.mark.parametrize(
    'kwargs, message',
    [(dict(kernel_size=2), 'kernel_size must be odd and positive, but got 2'),
     (dict(kernel_size=-1), 'kernel_size must be odd and positive'),
     (dict(stride=3), r'stride must be one of \(1, 2\), but got 3')])
def test_layer_refuses_what_it_cannot_build(kwargs, message):
    with pytest.raises(ValueError, match=message):
        DynELayer(16, **kwargs)
