"""The conv multi-scale head against its definition, level by level."""
import importlib

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from dyfadet_mm.models import ConvMultiScaleHead, ConvPath, DFAAtt, DyHead
from dyfadet_mm.structures import Cells, PackedPyramid, Pyramid

# the package has the function of that name
conv1d_module = importlib.import_module('dyfadet_mm.ops.conv1d')
RANGES = ((0, 4), (4, 8), (8, 16), (16, 1e4))


def make_head(kind=ConvMultiScaleHead, num_levels=3, **kwargs):
    options = dict(num_classes=3, in_channels=4, feat_channels=5)
    options.update(kwargs)
    return kind(regression_ranges=RANGES[:num_levels], **options)


def conv(module, x):
    weight = module.weight
    return F.conv1d(x, weight, module.bias, padding=weight.size(2) // 2)


def path(module, x, mask):
    """LN(conv_K(x)) * mask."""
    y = conv(module.conv, x)
    centred = y - y.mean(1, keepdim=True)
    y = centred / (centred.square().mean(1, keepdim=True) + 1e-5).sqrt()
    norm = module.norm
    return (y * norm.weight[:, None] + norm.bias[:, None]) * mask


def tower(module, feats, masks):
    for layer in module.layers:
        down = [path(layer.down, *both) for both in zip(feats, masks)]
        up = [path(layer.up, *both) for both in zip(feats, masks)]
        fused = []
        for level, x in enumerate(feats):
            neighbours = torch.zeros_like(x)
            if level > 0:
                neighbours = neighbours + down[level - 1][..., ::2]
            if level + 1 < len(feats):
                neighbours = neighbours + up[level + 1].repeat_interleave(
                    2, 2)[..., :x.size(2)]
            fused.append(layer.gamma * neighbours + layer.alpha * x)
        feats = [path(layer.depth, *x).relu() for x in zip(fused, masks)]
    return feats


def definition(head, feats, masks):
    """Logits and offsets of every level."""
    cls = tower(head.cls_tower, feats, masks)
    reg = tower(head.reg_tower, feats, masks)
    logits = [conv(head.conv_cls, x) * mask for x, mask in zip(cls, masks)]
    offsets = [(conv(head.conv_reg, x) * mask * scalar.scale).relu()
               for scalar, x, mask in zip(head.scales, reg, masks)]
    return logits + offsets


@pytest.fixture(
    scope='module', autouse=True, params=['direct', 'minimal filtering'])
def convolution(request):
    """Both ways to convolve, of which width decides otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param != 'direct':
            patch.setattr(conv1d_module, 'MIN_CHANNELS', 1)
        yield


@settings(deadline=None, derandomize=True, max_examples=50)
@given(
    kernel_size=st.sampled_from([1, 3, 5]),
    num_layers=st.integers(1, 3),
    num_levels=st.integers(1, 4),
    total=st.integers(1, 24),
    batch=st.integers(1, 3),
    holes=st.booleans(),
    seed=st.integers(0, 999))
def test_head_equals_its_definition(kernel_size, num_layers, num_levels, total,
                                    batch, holes, seed, randomise):
    """Outputs and gradients, with numbers on the padding of the features."""
    torch.manual_seed(seed)
    head = randomise(
        make_head(
            num_levels=num_levels,
            num_layers=num_layers,
            kernel_size=kernel_size), seed)
    cells = torch.rand(batch, 1, total) < 0.6  # any valid cells
    if not holes:  # a number of them
        cells = torch.arange(total) < cells.sum(2, keepdim=True)
    pyramid = Pyramid.of((None, ) * num_levels, Cells(cells))
    feats = [
        torch.randn(batch, 4, x.size(2)).double().requires_grad_()
        for x in pyramid.masks
    ]
    leaves = [*feats, *head.parameters()]
    ours = sum(head(pyramid._replace(feats=tuple(feats))), ())
    theirs = definition(head, feats, pyramid.masks)
    weights = [torch.randn_like(x) for x in theirs]
    grads = [
        torch.autograd.grad(
            sum((x * w).sum() for x, w in zip(outs, weights)),
            leaves,
            allow_unused=True,
            materialize_grads=True) for outs in (ours, theirs)
    ]
    for x, y in zip((*ours, *grads[0]), (*theirs, *grads[1])):
        size = max(1., y.detach().abs().max().item())
        torch.testing.assert_close(x, y, rtol=0, atol=1e-9 * size)


def test_only_the_paths_differ_from_the_dynamic_head():
    ours, dynamic = make_head(), make_head(DyHead)
    for tower in ('cls_tower', 'reg_tower'):
        for layer, other in zip(
                getattr(ours, tower).layers,
                getattr(dynamic, tower).layers):
            for name in ('down', 'up', 'depth'):
                assert isinstance(getattr(layer, name), ConvPath)
                assert isinstance(getattr(other, name), DFAAtt)
                assert (getattr(layer, name).norm.weight.shape == getattr(
                    other, name).norm.weight.shape)

    def others(head):
        return {
            name: x.shape
            for name, x in head.state_dict().items()
            if not {'down', 'up', 'depth'} & set(name.split('.'))
        }

    assert others(ours) == others(dynamic)


def test_start():
    head = make_head(norm_cfg=dict(eps=1e-3))
    head.init_weights()
    for layer in (*head.cls_tower.layers, *head.reg_tower.layers):
        assert layer.gamma.item() == 0 and layer.alpha.item() == 1
        for module in (layer.down, layer.up, layer.depth):
            assert module.norm.eps == 1e-3
            assert module.conv.weight.any() and not module.conv.bias.any()


def test_scale_paths_are_computed_where_they_are_read(make_pyramid):
    """Half of the cells for the level above, one level for that below."""
    head, asked = make_head(num_levels=2, num_layers=2).double(), []
    for path in head.cls_tower.layers[0].children():
        path.register_forward_hook(lambda _, args, out: asked.append(
            (args[0].size(2), out.size(2))))
    pyramid = make_pyramid([64], 64, 2)
    packed = PackedPyramid(pyramid.cells, head.reach)
    head(pyramid)
    fine, coarse = packed.starts[1], packed.starts[2] - packed.starts[1]
    assert asked == [(fine, fine // 2), (coarse, coarse),
                     (fine + coarse, fine + coarse)]
