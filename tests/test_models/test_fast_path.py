"""The layers against the plain model: outputs and gradients, any shape."""
import importlib

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import plain_backbone, plain_extract_feat, plain_head

from dyfadet_mm.models import ConvHead, DyHead, DynEBackbone, SingleStageTAD
from dyfadet_mm.structures import Cells, Pyramid

structures = importlib.import_module('dyfadet_mm.structures.pyramid')
# the package has the function of that name
conv1d = importlib.import_module('dyfadet_mm.ops.conv1d')
#: Largest deviation, relative to the largest number of a tensor or to 1.
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}
DTYPES = st.sampled_from(list(TOLERANCE))
#: Valid cells of a video in sixteenths of the grid: none, some, all.
SHARES = st.lists(st.integers(0, 16), min_size=1, max_size=3)
PADDINGS = st.sampled_from(['published', 'opentad'])
RANGES = ((0, 4), (4, 8), (8, 16), (16, 1e4))


@pytest.fixture(
    scope='module', autouse=True, params=['direct', 'minimal filtering'])
def convolution(request):
    """Both ways to convolve, of which width decides otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param != 'direct':
            patch.setattr(conv1d, 'MIN_CHANNELS', 1)
        yield


def draw(module, dtype, seed):
    """Random weights of the size that trained ones have."""
    torch.manual_seed(seed)
    module.to(dtype)
    with torch.no_grad():
        for name, param in module.named_parameters():
            fan = param[0].numel() if param.ndim > 1 else 1
            param.normal_(0, 0.7 / fan**0.5)
            if param.ndim < 2 and not name.endswith('bias'):
                param.add_(1.)
            if 'gate' in name and name.endswith('bias'):
                param.add_(0.5)
    return module.train(module.training)  # settles what is derived


def assert_same(ours, theirs, dtype):
    assert len(ours) == len(theirs)
    for x, y in zip(ours, theirs):
        size = max(1., y.abs().max().item()) if y.numel() else 1.
        torch.testing.assert_close(x, y, rtol=0, atol=size * TOLERANCE[dtype])


def assert_equal_paths(module, fast, slow, inputs, dtype):
    """Outputs, and gradients of a random sum of them."""
    leaves = [x.requires_grad_() for x in inputs]
    params = dict(module.named_parameters())
    ours, theirs = fast(), slow()
    assert_same(ours, theirs, dtype)
    weights = [torch.randn_like(x) for x in theirs]
    grads = []
    for outs in (ours, theirs):
        loss = sum((x * w).sum() for x, w in zip(outs, weights))
        grads.append(
            torch.autograd.grad(
                loss, [*leaves, *params.values()],
                allow_unused=True,
                materialize_grads=True))
    assert_same(*grads, dtype)
    with torch.no_grad():  # twice, with the weights as derived and as kept
        assert_same(fast(), theirs, dtype)
        assert_same(fast(), theirs, dtype)


def cells_of(shares, total, padding='published'):
    lengths = [-(-share * total // 16) for share in shares]
    return Cells.of(lengths, total, 'cpu', padding)


def pyramid_of(channels, num_levels, cells, dtype):
    """Random features of every level, on padding as well."""
    pyramid = Pyramid.of((None, ) * num_levels, cells)
    feats = tuple(
        torch.randn(len(mask), channels, mask.size(2), dtype=dtype)
        for mask in pyramid.masks)
    return pyramid._replace(feats=feats)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(
    kind=st.sampled_from(['static', 'c', 'k', 'ck']),
    kernel_size=st.sampled_from([1, 3, 5, 7]),
    num_layers=st.integers(1, 4),
    num_levels=st.integers(1, 4),
    shares=SHARES,
    total=st.one_of(st.integers(1, 4), st.integers(5, 40)),
    padding=PADDINGS,
    dtype=DTYPES,
    seed=st.integers(0, 99))
def test_heads(kind, kernel_size, num_layers, num_levels, shares, total,
               padding, dtype, seed):
    options = dict(
        num_classes=3,
        in_channels=12,
        feat_channels=16,
        num_layers=num_layers,
        kernel_size=kernel_size,
        regression_ranges=RANGES[:num_levels])
    head = draw(
        ConvHead(**options) if kind == 'static' else DyHead(
            formation=kind, **options), dtype, seed)
    cells = cells_of(shares, total, padding)
    pyramid = pyramid_of(12, num_levels, cells, dtype)
    assert_equal_paths(head, lambda: sum(head(pyramid), ()),
                       lambda: sum(plain_head(head, pyramid),
                                   ()), pyramid.feats, dtype)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(
    kernel_size=st.sampled_from([1, 3, 5]),
    arch=st.tuples(st.integers(1, 2), st.integers(0, 2), st.integers(0, 3)),
    idle=st.booleans(),
    position=st.sampled_from([None, 8, 64]),
    fpn=st.booleans(),
    shares=SHARES,
    total=st.one_of(st.integers(1, 4), st.integers(5, 40)),
    multiple=st.sampled_from([1, 8, 32]),
    padding=PADDINGS,
    dtype=DTYPES,
    seed=st.integers(0, 99))
def test_encoders(kernel_size, arch, idle, position, fpn, shares, total,
                  multiple, padding, dtype, seed):
    num_levels = arch[2] + 1
    length = dict(max_seq_len=position or 8)
    if position is not None:
        position = dict(type='dyfadet_mm.SinusoidPosition', **length)
    model = SingleStageTAD(
        data_preprocessor=dict(
            type='dyfadet_mm.TADDataPreprocessor', **length),
        backbone=dict(
            type='dyfadet_mm.DynEBackbone',
            in_channels=5,
            embed_channels=64,
            arch=arch,
            kernel_size=kernel_size,
            mlp_channels=7,
            drop_path_rate=0.,
            position=position),
        neck=dict(
            type='dyfadet_mm.FPN1d',
            in_channels=64,
            out_channels=64,
            num_levels=num_levels)
        if fpn else dict(
            type='dyfadet_mm.IdentityFPN', channels=64, num_levels=num_levels),
        head=dict(
            type='dyfadet_mm.ConvHead',
            num_classes=2,
            in_channels=64,
            feat_channels=4,
            regression_ranges=RANGES[:num_levels]))
    draw(model, dtype, seed)
    if idle:
        _zero_the_depth_wise_convolutions(model)
    with pytest.MonkeyPatch.context() as patch:
        # the lower, the more of the padding is left out
        patch.setattr(structures, 'LENGTH_MULTIPLE', multiple)
        cells = cells_of(shares, total, padding)
    inputs = torch.randn(len(shares), 5, total, dtype=dtype)
    encoder = torch.nn.ModuleList([model.backbone, model.neck])
    assert_equal_paths(encoder,
                       lambda: model.extract_feat(inputs, cells).feats,
                       lambda: plain_extract_feat(model, inputs, cells).feats,
                       [inputs], dtype)


def _zero_the_depth_wise_convolutions(model):
    with torch.no_grad():
        for name, param in model.backbone.named_parameters():
            if name.split('.')[-2] in ('psi', 'window', 'wide', 'fc', 'phi'):
                param.zero_()
    model.train(model.training)
    assert all(layer.is_dead for layer in model.backbone.branch)


@pytest.fixture
def backbone():
    torch.manual_seed(0)
    backbone = DynEBackbone(
        5, embed_channels=16, arch=(1, 1, 2), kernel_size=3).double()
    backbone.init_weights()
    return backbone.eval()


@pytest.mark.parametrize('edit', ['in place', 'data', 'assigned', 'loaded'])
def test_convolutions_that_stop_being_zero_are_computed(backbone, edit):
    inputs, cells = torch.randn(1, 5, 12).double(), cells_of([16], 12)
    with torch.no_grad():
        before = backbone(inputs, cells).feats
        for layer in (*backbone.stem, *backbone.branch):
            for conv in (layer.fc, layer.phi, layer.psi, layer.window):
                _change(conv, 'weight', edit)
            assert not layer.eval().is_dead
        after = backbone(inputs, cells).feats
        expected = plain_backbone(backbone, inputs, cells).feats
    assert_same(after, expected, torch.float64)
    assert all((x - y).abs().max() > 1e-6 for x, y in zip(before, after))


@pytest.mark.parametrize('edit', ['in place', 'data', 'assigned', 'loaded'])
@pytest.mark.parametrize('name', [
    'depth.attention.conv', 'depth.attention.gate', 'depth.mix', 'down.mix',
    'up.attention.gate.conv'
])
def test_weights_changed_after_a_forward_are_used(edit, name):
    head = DyHead(2, 4, 6, num_layers=2, regression_ranges=RANGES[:2])
    head = draw(head, torch.float64, 0).eval()
    pyramid = pyramid_of(4, 2, cells_of([16, 9], 12), torch.float64)
    with torch.no_grad():
        before = sum(head(pyramid), ())
        for tower in (head.cls_tower, head.reg_tower):
            _change(tower.layers[0].get_submodule(name), 'weight', edit)
        if edit == 'data':
            head.eval()  # as MMEngine's EMA does
        after = sum(head(pyramid), ())
        expected = sum(plain_head(head, pyramid), ())
    assert_same(after, expected, torch.float64)
    assert max((x - y).abs().max() for x, y in zip(before, after)) > 1e-6


def _change(module, name, edit):
    """The ways in which a parameter gets other numbers."""
    param = getattr(module, name)
    new = torch.randn_like(param)
    if edit == 'in place':
        param.copy_(new)
    elif edit == 'data':
        param.data.copy_(new)
    elif edit == 'assigned':
        setattr(module, name, torch.nn.Parameter(new))
    else:
        module.load_state_dict({**module.state_dict(), name: new})


def test_zero_convolutions_have_zero_gradients(backbone):
    """None would stop distributed training."""
    backbone.train()
    inputs = torch.randn(2, 5, 12).double()
    feats, _ = backbone(inputs, cells_of([16, 16], 12))
    sum(x.square().sum() for x in feats).backward()
    for name, param in backbone.named_parameters():
        assert param.grad is not None, name
        idle = name.split('.')[-2] in ('psi', 'window', 'wide', 'fc', 'phi')
        assert param.grad.any() != idle, name
