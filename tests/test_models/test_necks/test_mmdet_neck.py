"""Necks of MMDetection against sums over single cells."""
import pytest
import torch
from mmengine.registry import DefaultScope
from torch import nn

from dyfadet_mm.models import MMDetNeck
from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells, Pyramid

#: Two levels to fuse are the least; three show that they are chained.
LEVELS = 3


def make_neck(name='mmdet.FPN', **options):
    """Double precision, and no parameter at zero."""
    neck = MMDetNeck(dict(type=name, **options), 3, 4, LEVELS).double()
    for parameter in neck.parameters():
        nn.init.normal_(parameter)
    return neck


def make_batch(lengths, total):
    """Random features of every level, on padding as well."""
    cells = Cells.of(lengths, total, 'cpu')
    pyramid = Pyramid.of((None, ) * LEVELS, cells)
    return pyramid._replace(
        feats=tuple(
            torch.randn(len(mask), 3, mask.size(2)).double()
            for mask in pyramid.masks))


def conv(x, layer, stride=1):
    """Convolution of one video (C, T), one product at a time."""
    weight, bias = layer.conv.weight, layer.conv.bias
    taps = weight.size(2)
    columns = []
    for center in range(0, x.size(1), stride):
        total = bias.clone()
        for k in range(taps):
            source = center + k - taps // 2
            if 0 <= source < x.size(1):
                total = total + weight[:, :, k] @ x[:, source]
        columns.append(total)
    return torch.stack(columns, 1)


def slow_fpn(feats, neck):
    """Definition of the FPN for one video without padding."""
    levels = [conv(x, layer) for x, layer in zip(feats, neck.lateral_convs)]
    for fine in reversed(range(LEVELS - 1)):
        levels[fine] = torch.stack([
            column + levels[fine + 1][:, t // 2]
            for t, column in enumerate(levels[fine].unbind(1))
        ], 1)
    return [conv(x, layer) for x, layer in zip(levels, neck.fpn_convs)]


def slow_pafpn(feats, neck):
    """A path from fine to coarse behind the FPN."""
    levels = slow_fpn(feats, neck)
    for i in range(LEVELS - 1):
        levels[i + 1] = levels[i + 1] + conv(
            levels[i], neck.downsample_convs[i], stride=2)
    return levels[:1] + [
        conv(x, layer) for x, layer in zip(levels[1:], neck.pafpn_convs)
    ]


@pytest.mark.parametrize('name, slow', [('mmdet.FPN', slow_fpn),
                                        ('mmdet.PAFPN', slow_pafpn)])
@pytest.mark.parametrize('length', [1, 3, 6, 13, 16])
def test_neck_equals_its_definition_on_the_valid_cells(name, slow, length):
    neck = make_neck(name)
    pyramid = make_batch([length, 16], 16)
    outs, out_cells = neck(pyramid)
    assert out_cells is pyramid.cells
    for video, cells in enumerate([length, 16]):
        lengths = [-(-cells // 2**i) for i in range(LEVELS)]
        expected = slow(
            [x[video, :, :n] for x, n in zip(pyramid.feats, lengths)],
            neck.neck)
        for out, mask, valid in zip(outs, pyramid.masks, expected):
            torch.testing.assert_close(out[video][:, mask[video, 0]], valid)
            assert not out[video][:, ~mask[video, 0]].any()


@pytest.mark.parametrize('norm_cfg', [None, dict(type='GN', num_groups=2)])
def test_padding_and_company_change_nothing(norm_cfg):
    neck = make_neck('mmdet.PAFPN', norm_cfg=norm_cfg)
    pyramid = make_batch([5, 12], 12)
    together, _ = neck(pyramid)
    noisy = tuple(
        torch.where(mask, x, torch.full_like(x, 1e3))
        for x, mask in zip(pyramid.feats, pyramid.masks))
    for ours, theirs in zip(
            neck(pyramid._replace(feats=noisy)).feats, together):
        assert torch.equal(ours, theirs)
    alone, _ = neck(
        Pyramid.of(
            [x[:1, :, :-(-8 // 2**i)] for i, x in enumerate(pyramid.feats)],
            Cells.of([5], 8, 'cpu')))
    for ours, theirs in zip(alone, together):
        torch.testing.assert_close(ours[0], theirs[0, :, :ours.size(2)])


def test_long_grids_of_odd_length_are_repeated_exactly():
    """Nearest interpolation by size agrees with cell t // 2."""
    fine, coarse = torch.zeros(1, 1, 2303), torch.arange(1152.)[None, None]
    neck = MMDetNeck(dict(type='mmdet.FPN'), 1, 1, 2)
    with torch.no_grad():
        for layer in (*neck.neck.lateral_convs, *neck.neck.fpn_convs):
            nn.init.dirac_(layer.conv.weight)
            layer.conv.bias.zero_()
        feats, _ = neck(
            Pyramid.of((fine, coarse), Cells.of([2303], 2303, 'cpu')))
    assert torch.equal(
        feats[0][0, 0],
        torch.arange(2303).div(2, rounding_mode='floor').float())


def test_convolutions_are_those_of_time_and_drawn_by_xavier():
    neck = MMDetNeck(dict(type='mmdet.PAFPN'), 64, 64, LEVELS)
    neck.init_weights()
    convs = [x for x in neck.modules() if hasattr(x, 'weight')]
    assert len(convs) == 2 * LEVELS + 2 * (LEVELS - 1)
    for layer in convs:
        assert type(layer) is nn.Conv1d
        fan = 64 * layer.kernel_size[0]
        limit = (6 / (2 * fan))**0.5
        assert 0.9 * limit < layer.weight.abs().max() <= limit
        assert not layer.bias.any()


def test_every_parameter_gets_a_gradient():
    neck = make_neck('mmdet.PAFPN')
    outs, _ = neck(make_batch([6, 8], 8))
    sum((x * torch.randn_like(x)).sum() for x in outs).backward()
    for name, parameter in neck.named_parameters():
        assert parameter.grad.any(), name


def test_levels_that_do_not_fit_are_refused():
    pyramid = make_batch([8], 8)
    with pytest.raises(ValueError, match='num_levels of the neck.*got 3'):
        make_neck()(Pyramid(*(part[:2] for part in pyramid)))
    neck = make_neck(start_level=1, add_extra_convs='on_output')
    with pytest.raises(ValueError, match='FPN must give a level for each'):
        neck(pyramid)


@pytest.mark.parametrize('scope', ['dyfadet_mm', 'mmdet', 'mmengine'])
def test_necks_build_from_any_scope(scope):
    with DefaultScope.overwrite_default_scope(scope):
        neck = MODELS.build(
            dict(
                type='dyfadet_mm.MMDetNeck',
                neck=dict(type='mmdet.FPN', norm_cfg=dict(type='BN1d')),
                in_channels=3,
                out_channels=4,
                num_levels=2))
    assert (neck.in_channels, neck.out_channels, neck.num_levels) == (3, 4, 2)
    assert type(neck.neck.fpn_convs[0].bn) is nn.BatchNorm1d
