"""The weighted pyramid against its definition, one cell at a time."""
import math

import pytest
import torch
from torch import nn

from dyfadet_mm.structures import Cells, Pyramid
from projects.mmdet_parts.models import BiFPN1d

LEVELS = 3


def make_neck(**options):
    """Double precision, and no parameter at its start."""
    neck = BiFPN1d(3, 4, LEVELS, **dict(dict(num_layers=2), **options))
    for parameter in neck.parameters():
        nn.init.normal_(parameter)
    return neck.double()


def make_batch(lengths, total):
    """Random features of every level, on padding as well."""
    pyramid = Pyramid.of((None, ) * LEVELS, Cells.of(lengths, total, 'cpu'))
    return pyramid._replace(
        feats=tuple(
            torch.randn(len(mask), 3, mask.size(2)).double()
            for mask in pyramid.masks))


def slow_norm(x, norm):
    """LayerNorm of one cell, (C,)."""
    x = (x - x.mean()) / torch.sqrt(((x - x.mean())**2).mean() + 1e-5)
    return x * norm.weight.flatten() + norm.bias.flatten()


def slow_node(inputs, node):
    """One output from the cells of its inputs, (C, T) each."""
    weight = [max(w, 0.) for w in node.weight.tolist()]
    x = sum(w * x for w, x in zip(weight, inputs)) / (sum(weight) + 1e-4)
    x = x / (1 + torch.exp(-x))
    cells = []
    for t in range(x.size(1)):
        cell = torch.zeros(len(x)).double()
        for k in range(3):
            if 0 <= t + k - 1 < x.size(1):
                cell += node.depthwise.weight[:, 0, k] * x[:, t + k - 1]
        cells.append(
            slow_norm(node.pointwise.weight[..., 0] @ cell, node.norm))
    return torch.stack(cells, 1)


def slow_bifpn(feats, neck):
    """Definition of the neck for one video without padding."""
    feats = [
        torch.stack(
            [slow_norm(layer.weight[..., 0] @ cell, norm)
             for cell in x.t()], 1)
        for x, layer, norm in zip(feats, neck.lateral_convs, neck.norms)
    ]
    for layer in neck.layers:
        middle = slow_node((feats[1], repeat(feats[2], feats[1])),
                           layer.top_down[1])
        finest = slow_node((feats[0], repeat(middle, feats[0])),
                           layer.top_down[0])
        middle = slow_node((feats[1], middle, pool(finest)),
                           layer.bottom_up[0])
        coarsest = slow_node((feats[2], pool(middle)), layer.bottom_up[1])
        feats = [finest, middle, coarsest]
    return feats


def repeat(coarse, fine):
    return torch.stack([coarse[:, t // 2] for t in range(fine.size(1))], 1)


def pool(x):
    return torch.stack(
        [x[:, max(t - 1, 0):t + 2].amax(1) for t in range(0, x.size(1), 2)], 1)


@pytest.mark.parametrize('length', [1, 3, 6, 13, 16])
def test_neck_equals_its_definition_on_the_valid_cells(length):
    neck = make_neck()
    pyramid = make_batch([length, 16], 16)
    outs, cells = neck(pyramid)
    assert cells is pyramid.cells
    for video, count in enumerate([length, 16]):
        expected = slow_bifpn([
            x[video, :, :math.ceil(count / 2**i)]
            for i, x in enumerate(pyramid.feats)
        ], neck)
        for out, mask, valid in zip(outs, pyramid.masks, expected):
            torch.testing.assert_close(out[video][:, mask[video, 0]], valid)
            assert not out[video][:, ~mask[video, 0]].any()


def test_a_weight_below_zero_drops_its_input():
    neck = make_neck(num_layers=1)
    with torch.no_grad():
        neck.layers[0].top_down[0].weight[1] = -1.
    pyramid = make_batch([8], 8)
    finest = neck(pyramid).feats[0]
    changed = pyramid._replace(
        feats=(pyramid.feats[0], *(x + 1 for x in pyramid.feats[1:])))
    assert torch.equal(neck(changed).feats[0], finest)
    with torch.no_grad():
        neck.layers[0].top_down[0].weight[1] = 1.
    assert not torch.equal(neck(pyramid).feats[0], finest)


def test_weights_start_equal_and_are_never_decayed():
    """An average of the inputs at the start; one axis means no decay."""
    for name, parameter in BiFPN1d(3, 4, LEVELS).named_parameters():
        if name.endswith('.weight') and 'norm' not in name:
            is_fusion = parameter.ndim == 1
            assert is_fusion == (
                name.split('.')[-2].isdigit() and 'layers' in name)
            assert not is_fusion or (parameter == 1).all()


def test_every_parameter_gets_a_gradient():
    neck = BiFPN1d(3, 4, LEVELS).double()
    outs, _ = neck(make_batch([6, 8], 8))
    sum((x * torch.randn_like(x)).sum() for x in outs).backward()
    for name, parameter in neck.named_parameters():
        assert parameter.grad.any(), name


def test_levels_that_do_not_fit_are_refused():
    pyramid = make_batch([8], 8)
    with pytest.raises(ValueError, match='num_levels of the neck.*got 3'):
        make_neck()(Pyramid(*(part[:2] for part in pyramid)))
    with pytest.raises(ValueError, match='at least 2, but got 1'):
        BiFPN1d(3, 4, 1)
