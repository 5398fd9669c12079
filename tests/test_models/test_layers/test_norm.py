import pytest
import torch
from slow_layers import slow_layer_norm
from torch import nn

from dyfadet_mm.models import (ChannelLayerNorm, ConvAttention, ConvBackbone,
                               ConvPath, DFAAtt, DynELayer, IdentityFPN,
                               LocalAttentionLayer)


@pytest.mark.parametrize('length', [1, 2, 3, 6])
def test_norm_equals_its_definition(length, randomise):
    norm = randomise(ChannelLayerNorm(5))
    x = 3 * torch.randn(2, 5, length).double() + 1
    out = norm(x)
    for video in range(2):
        expected = slow_layer_norm(x[video].numpy(), norm)
        torch.testing.assert_close(out[video], torch.from_numpy(expected))


def test_fresh_norm_gives_every_cell_mean_0_and_variance_1():
    out = ChannelLayerNorm(64)(5 * torch.randn(2, 64, 3) + 7)
    torch.testing.assert_close(out.mean(1), torch.zeros(2, 3))
    torch.testing.assert_close(
        out.var(1, unbiased=False), torch.ones(2, 3), atol=1e-4, rtol=0)


def test_eps_guards_cells_without_variance():
    norm = ChannelLayerNorm(4, eps=1e-6)
    x = torch.tensor([1e-3, -1e-3, 1e-3, -1e-3])[None, :, None]
    scale = 1e-3 / (1e-6 + 1e-6)**0.5
    torch.testing.assert_close(norm(x), x / 1e-3 * scale)
    assert not norm(torch.full((1, 4, 1), 8.)).any()


def test_a_cell_of_zeros_holds_the_bias():
    norm = ChannelLayerNorm(3)
    with torch.no_grad():
        norm.bias.copy_(torch.tensor([1., 2., 3.]))
    assert norm(torch.zeros(1, 3, 2))[0, :, 1].tolist() == [1, 2, 3]


def test_every_parameter_gets_a_gradient():
    norm = ChannelLayerNorm(4)
    out = norm(torch.randn(1, 4, 6))
    (out * torch.randn_like(out)).sum().backward()
    assert all(parameter.grad.any() for parameter in norm.parameters())


@pytest.mark.parametrize('build', [
    lambda **cfg: ConvAttention(16, **cfg),
    lambda **cfg: ConvPath(16, 16, **cfg), lambda **cfg: DFAAtt(16, 16, **cfg),
    lambda **cfg: DynELayer(16, **cfg),
    lambda **cfg: IdentityFPN(16, 2, **cfg),
    lambda **cfg: LocalAttentionLayer(16, **cfg),
    lambda **cfg: ConvBackbone(4, embed_channels=16, **cfg)
])
def test_channels_that_norm_cfg_sets_as_well_are_refused(build):
    build(norm_cfg=dict(eps=1e-6))
    with pytest.raises(
            ValueError, match=r"norm_cfg of \w+ must not set \['channels'\]"):
        build(norm_cfg=dict(channels=8))


def test_a_mask_zeroes_what_is_outside():
    norm, mask = ChannelLayerNorm(3), torch.tensor([[[True, True, False]]])
    nn.init.normal_(norm.bias)
    x = torch.randn(1, 3, 3)
    assert torch.equal(norm(x, mask), norm(x) * mask)
