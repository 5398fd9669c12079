import numpy as np
import pytest
import torch
from slow_layers import (array, slow_conv, slow_dyne_layer, slow_layer_norm,
                         slow_max_pool)
from torch import nn

from dyfadet_mm.models import DynEBackbone, PyramidEncoder, SinusoidPosition
from dyfadet_mm.registry import MODELS


class HalvingLayer(nn.Module):
    """A layer as the skeleton asks for: keeps or halves the grid."""

    def __init__(self, channels, stride, factor=1.):
        super().__init__()
        self.stride = stride
        self.weight = nn.Parameter(torch.full((channels, 1), factor))

    def forward(self, x, mask):
        return (x * self.weight)[..., ::self.stride], mask[..., ::self.stride]


@pytest.fixture
def halving():
    MODELS.register_module(name='HalvingLayer', module=HalvingLayer)
    yield dict(type='dyfadet_mm.HalvingLayer')
    MODELS.module_dict.pop('HalvingLayer')


def test_stem_keeps_and_branch_halves_the_grid(halving, make_masks):
    encoder = PyramidEncoder(
        3, halving, dict(halving, factor=2.), embed_channels=4, arch=(1, 2, 3))
    [mask] = make_masks([9, 4], 9)
    feats, masks = encoder(torch.randn(2, 3, 9), mask)
    assert [x.shape for x in feats] == [(2, 4, n) for n in (9, 5, 3, 2)]
    assert [x.shape for x in masks] == [(2, 1, n) for n in (9, 5, 3, 2)]
    for level in range(1, 4):
        assert torch.equal(feats[level], feats[0][..., ::2**level] * 2**level)
    assert [x[1].sum().item() for x in masks] == [4, 2, 1, 1]


def test_any_layer_can_be_plugged_in(halving):
    encoder = PyramidEncoder(3, halving, halving, 4, (1, 1, 1))
    assert isinstance(encoder.stem[0], HalvingLayer)
    assert isinstance(encoder.branch[0], HalvingLayer)


@pytest.mark.parametrize('norm, position', [(True, True), (True, False),
                                            (False, False)])
def test_encoder_equals_its_definition(norm, position, randomise, make_masks):
    encoder = randomise(
        DynEBackbone(
            3,
            kernel_size=3,
            factor=1.2,
            mlp_channels=5,
            embed_channels=16,
            arch=(2, 1, 2),
            embed_norm=norm,
            position=dict(type='dyfadet_mm.SinusoidPosition', max_seq_len=9)
            if position else None)).eval()
    x, [mask] = torch.randn(2, 3, 7).double(), make_masks([7, 4], 7)
    feats, masks = encoder(x, mask)
    for video in range(2):
        y, valid = x[video].numpy(), mask[video, 0].numpy()
        for i in range(2):
            y = slow_conv(y, encoder.embed[i]) * valid
            if norm:
                y = slow_layer_norm(y, encoder.embed_norms[i])
            y = np.maximum(y, 0)
        if position:
            y = y + array(encoder.position.table)[0, :, :7] * valid
        y, valid = slow_dyne_layer(y, valid, encoder.stem[0], 1)
        for level in range(3):
            if level:
                y, valid = slow_dyne_layer(y, valid, encoder.branch[level - 1],
                                           2)
            torch.testing.assert_close(feats[level][video],
                                       torch.from_numpy(y))
            assert masks[level][video, 0].tolist() == valid.tolist()


@pytest.mark.parametrize('num_levels', [2, 4])
def test_position_is_added_to_the_embedding(num_levels, halving):
    position = dict(type='dyfadet_mm.SinusoidPosition', max_seq_len=8)
    encoder = PyramidEncoder(
        3, halving, halving, 4, (1, 1, num_levels - 1), position=position)
    assert isinstance(encoder.position, SinusoidPosition)
    feats, _ = encoder(torch.zeros(1, 3, 8), torch.ones(1, 1, 8))
    torch.testing.assert_close(feats[0], encoder.position.table)
    assert len(feats) == num_levels


def test_slow_max_pool_agrees_with_hand():
    x = np.array([[3., 1., 2., 5., 4.]])
    assert slow_max_pool(x).tolist() == [[3, 5, 5]]


def test_biases_exist_without_norms_and_start_at_zero(halving):
    encoder = PyramidEncoder(3, halving, halving, 4, embed_norm=False)
    encoder.init_weights()
    assert [conv.bias.any().item() for conv in encoder.embed] == [False] * 2
    encoder = PyramidEncoder(3, halving, halving, 4)
    assert [conv.bias for conv in encoder.embed] == [None] * 2


def test_pretrained_biases_are_not_zeroed(halving, tmp_path):
    options = (3, halving, halving, 4)
    first = PyramidEncoder(*options, embed_norm=False)
    torch.save(first.state_dict(), tmp_path / 'weights.pth')
    second = PyramidEncoder(
        *options,
        embed_norm=False,
        init_cfg=dict(
            type='Pretrained', checkpoint=str(tmp_path / 'weights.pth')))
    second.init_weights()
    assert torch.equal(first.embed[0].bias, second.embed[0].bias)


def test_wrong_feature_dimension_is_named(halving):
    encoder = PyramidEncoder(3, halving, halving, 4)
    with pytest.raises(
            ValueError, match=r'must have 3 channels .*, but got 5; set'):
        encoder(torch.randn(1, 5, 8), torch.ones(1, 1, 8))


def test_arch_must_be_three_numbers(halving):
    with pytest.raises(ValueError, match=r'arch must be three .*\(2, 5\)'):
        PyramidEncoder(3, halving, halving, arch=(2, 5))
