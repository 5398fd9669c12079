import pytest
import torch
from slow_encoder_ops import any_case, make_input, slow_squeeze

from dyfadet_mm.models import SqueezeExcitation


@any_case()
def test_layer_equals_its_definition(length, valid, seed, randomise):
    layer = randomise(SqueezeExcitation(6, reduction=2), seed)
    x, cells = make_input(6, length, valid, seed)
    mask = cells.mask
    x = x * mask
    out = layer(x, mask)
    for video in range(2):
        expected = slow_squeeze(x[video].numpy(), mask[video, 0].numpy(),
                                layer)
        torch.testing.assert_close(out[video], torch.from_numpy(expected))


def test_weights_start_near_one_half():
    layer = SqueezeExcitation(64)
    layer.init_weights()
    assert not layer.reduce.bias.any() and not layer.expand.bias.any()
    x, mask = torch.randn(2, 64, 50), torch.ones(2, 1, 50)
    torch.testing.assert_close(
        layer(x, mask) / x, torch.full_like(x, 0.5), rtol=0, atol=0.05)


@pytest.mark.parametrize('channels, hidden', [(512, 32), (16, 1), (8, 1)])
def test_a_sixteenth_of_the_channels_is_left_but_at_least_one(
        channels, hidden):
    assert SqueezeExcitation(channels).reduce.out_features == hidden


def test_gradients_are_finite_without_valid_cells():
    layer = SqueezeExcitation(4)
    x = torch.zeros(1, 4, 3, requires_grad=True)
    layer(x, torch.zeros(1, 1, 3).bool()).sum().backward()
    assert x.grad.isfinite().all()


def test_reduction_must_be_positive():
    with pytest.raises(ValueError, match='must be at least 1, but got 0'):
        SqueezeExcitation(16, reduction=0)
