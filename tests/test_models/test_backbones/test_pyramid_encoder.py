import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
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

    def forward(self, x, cells):
        return (x * self.weight)[..., ::self.stride]


@pytest.fixture
def halving():
    MODELS.register_module(name='HalvingLayer', module=HalvingLayer)
    yield dict(type='dyfadet_mm.HalvingLayer')
    MODELS.module_dict.pop('HalvingLayer')


def test_stem_keeps_and_branch_halves_the_grid(halving, make_cells):
    encoder = PyramidEncoder(
        3, halving, dict(halving, factor=2.), embed_channels=4, arch=(1, 2, 3))
    pyramid = encoder(torch.randn(2, 3, 9), make_cells([9, 4], 9))
    feats, masks = pyramid.feats, pyramid.masks
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
def test_encoder_equals_its_definition(norm, position, randomise, make_cells):
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
    x, cells = torch.randn(2, 3, 7).double(), make_cells([7, 4], 7)
    pyramid = encoder(x, cells)
    for video in range(2):
        y, valid = x[video].numpy(), cells.mask[video, 0].numpy()
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
            torch.testing.assert_close(pyramid.feats[level][video],
                                       torch.from_numpy(y))
            mask = pyramid.masks[level][video, 0]
            assert mask.tolist() == valid.tolist()


@pytest.mark.parametrize('num_levels', [2, 4])
def test_position_is_added_to_the_embedding(num_levels, halving, make_cells):
    position = dict(type='dyfadet_mm.SinusoidPosition', max_seq_len=8)
    encoder = PyramidEncoder(
        3, halving, halving, 4, (1, 1, num_levels - 1), position=position)
    assert isinstance(encoder.position, SinusoidPosition)
    feats, _ = encoder(torch.zeros(1, 3, 8), make_cells([8], 8))
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


def test_wrong_feature_dimension_is_named(halving, make_cells):
    encoder = PyramidEncoder(3, halving, halving, 4)
    with pytest.raises(
            ValueError, match=r'must have 3 channels .*, but got 5; set'):
        encoder(torch.randn(1, 5, 8), make_cells([8], 8))


def test_arch_must_be_three_numbers(halving):
    with pytest.raises(ValueError, match=r'arch must be three .*\(2, 5\)'):
        PyramidEncoder(3, halving, halving, arch=(2, 5))


def test_layers_may_differ_between_levels(halving, make_cells):
    branch = [dict(halving, factor=2.), dict(halving, factor=3.)]
    encoder = PyramidEncoder(3, halving, branch, 4, (1, 1, 2))
    feats, _ = encoder(torch.randn(1, 3, 8), make_cells([8], 8))
    assert torch.equal(feats[1], feats[0][..., ::2] * 2)
    assert torch.equal(feats[2], feats[1][..., ::2] * 3)
    with pytest.raises(
            ValueError, match='branch_layer must be one dict or 3 .* got 2'):
        PyramidEncoder(3, halving, branch, 4, (1, 1, 3))


def test_each_source_has_its_own_projection(halving, make_cells, randomise):
    encoder = PyramidEncoder([2, 3],
                             halving,
                             halving,
                             4, (1, 1, 1),
                             source_channels=[5, 1])
    encoder.init_weights()
    assert not any(conv.bias.any() for conv in encoder.source_convs)
    encoder = randomise(encoder)
    assert encoder.in_channels == 5
    assert encoder.embed[0].in_channels == 6
    x, cells = torch.randn(2, 5, 6).double(), make_cells([6, 4], 6)
    joined = []
    hook = encoder.embed[0].register_forward_pre_hook(
        lambda module, args: joined.append(args[0]))
    encoder(x, cells)
    hook.remove()
    for video in range(2):
        valid = cells.mask[video, 0].numpy()
        expected = np.concatenate([
            slow_conv(x[video, :2].numpy(), encoder.source_convs[0]) * valid,
            slow_conv(x[video, 2:].numpy(), encoder.source_convs[1]) * valid
        ])
        torch.testing.assert_close(joined[0][video],
                                   torch.from_numpy(expected))


@pytest.mark.parametrize('in_channels, source_channels, message', [
    ([2, 3], None, r'each source in in_channels, \[2, 3\], but got \[\]'),
    ([2, 3], [4], r'\[2, 3\], but got \[4\]'),
    (5, [4], r'\[\], but got \[4\]'),
])
def test_sources_and_projections_must_be_as_many(halving, in_channels,
                                                 source_channels, message):
    with pytest.raises(ValueError, match=message):
        PyramidEncoder(
            in_channels, halving, halving, 4, source_channels=source_channels)


ENCODERS = dict(
    attention=dict(
        type='LocalAttentionBackbone', num_heads=2, window=[3, 5, -1, 2]),
    **{
        op: dict(type='ConvBackbone', op=dict(type=f'dyfadet_mm.{op}'))
        for op in ('PlainConv1d', 'DeformConv1d', 'DynamicConv1d',
                   'TD3dConv1d', 'DFAConv1d')
    })


def make_any_encoder(name, **options):
    return MODELS.build(
        dict(
            in_channels=3,
            embed_channels=16,
            arch=(2, 1, 3),
            position=dict(type='dyfadet_mm.SinusoidPosition', max_seq_len=99),
            **ENCODERS[name],
            **options))


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    name=st.sampled_from(sorted(ENCODERS)),
    lengths=st.lists(st.integers(1, 90), min_size=1, max_size=2),
    extra=st.integers(0, 80),
    padding=st.sampled_from(['published', 'opentad', 'masked', 'ignored']))
@example('attention', [40, 3], 8, 'published')  # as many cells as are needed
@example('attention', [40, 3], 9, 'published')
@example('PlainConv1d', [64], 64, 'published')
def test_far_padding_changes_nothing(randomise, make_cells, name, lengths,
                                     extra, padding):
    """Leaving it out gives what computing it gives, gradients as well."""
    encoder = randomise(make_any_encoder(name)).eval()
    total = max(lengths) + extra
    near = make_cells(lengths, total, padding)
    whole = make_cells(lengths, total, padding)
    whole.extents = [total] * len(lengths)
    x = torch.randn(len(lengths), 3, total).double() * near.mask
    found = []
    for cells in (near, whole):
        encoder.zero_grad()
        pyramid = encoder(x, cells)
        sum((each**2).mean() for each in pyramid.feats).backward()
        grads = [p.grad for p in encoder.parameters() if p.grad is not None]
        found.append([*pyramid.feats, *pyramid.masks, *grads])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize('name', ENCODERS)
def test_far_padding_is_not_computed(name, make_cells):
    encoder = make_any_encoder(name).eval()
    lengths = []
    for layer in (*encoder.stem, *encoder.branch):
        layer.register_forward_pre_hook(
            lambda module, args: lengths.append(args[0].size(2)))
    pyramid = encoder(torch.zeros(1, 3, 2304), make_cells([70], 2304))
    # of the coarsest level: 96 / 8 cells and one behind them
    assert lengths == [104, 104, 52, 26]
    assert [each.size(2) for each in pyramid.feats] == [2304, 1152, 576, 288]
    assert [each.size(2) for each in pyramid.masks] == [2304, 1152, 576, 288]


def test_noise_in_padding_is_not_left_out(make_cells):
    """Without an embedding it reaches the layers."""
    encoder = PyramidEncoder(
        4,
        dict(type='dyfadet_mm.LocalAttentionLayer'),
        dict(type='dyfadet_mm.LocalAttentionLayer'),
        4,
        arch=(0, 1, 1)).eval()
    x, cells = torch.randn(1, 4, 200), make_cells([9], 200)
    assert encoder(x, cells).feats[0].shape == (1, 4, 200)
    seen = []
    encoder.stem[0].register_forward_pre_hook(
        lambda module, args: seen.append(args[0]))
    encoder(x, cells)
    assert torch.equal(seen[0], x)


def test_size_of_the_pyramid_is_known(make_cells):
    encoder = make_any_encoder('attention')
    feats, _ = encoder(torch.zeros(1, 3, 16), make_cells([16], 16))
    assert encoder.num_levels == len(feats) == 4
    assert encoder.out_channels == feats[0].size(1) == 16
