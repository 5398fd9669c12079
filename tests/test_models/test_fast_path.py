"""The layers against the plain model: outputs and gradients, any shape."""
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dyfadet_mm.models import ConvHead, DyHead, DynEBackbone, SingleStageTAD
from dyfadet_mm.models.layers import row_conv

#: Largest deviation, relative to the largest number of a tensor or to 1.
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}
DTYPES = st.sampled_from(list(TOLERANCE))
#: Valid cells of a video in sixteenths of the grid: none, some, all.
SHARES = st.lists(st.integers(0, 16), min_size=1, max_size=3)
RANGES = ((0, 4), (4, 8), (8, 16), (16, 1e4))


@pytest.fixture(
    scope='module', autouse=True, params=['direct', 'minimal filtering'])
def convolution(request):
    """Both ways to convolve, of which width decides otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param != 'direct':
            patch.setattr(row_conv, 'MIN_CHANNELS', 1)
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
    return module


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


def masks_of(shares, total, num_levels):
    cells = torch.arange(total)
    lengths = [-(-share * total // 16) for share in shares]
    mask = cells < torch.tensor(lengths)[:, None, None]
    return tuple(mask[..., ::2**level] for level in range(num_levels))


@settings(deadline=None, derandomize=True, max_examples=40)
@given(
    kind=st.sampled_from(['static', 'c', 'k', 'ck']),
    kernel_size=st.sampled_from([1, 3, 5, 7]),
    num_layers=st.integers(1, 4),
    num_levels=st.integers(1, 4),
    shares=SHARES,
    total=st.one_of(st.integers(1, 4), st.integers(5, 40)),
    dtype=DTYPES,
    seed=st.integers(0, 99))
def test_heads(kind, kernel_size, num_layers, num_levels, shares, total, dtype,
               seed, plain):
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
    masks = masks_of(shares, total, num_levels)
    feats = tuple(
        torch.randn(len(shares), 12, mask.size(2), dtype=dtype)
        for mask in masks)
    assert_equal_paths(head, lambda: sum(head(feats, masks), ()),
                       lambda: sum(plain.plain_head(head, feats, masks),
                                   ()), feats, dtype)


@settings(deadline=None, derandomize=True, max_examples=25)
@given(
    kernel_size=st.sampled_from([1, 3, 5]),
    arch=st.tuples(st.integers(1, 2), st.integers(0, 2), st.integers(0, 3)),
    idle=st.booleans(),
    position=st.sampled_from([None, 8, 64]),
    fpn=st.booleans(),
    shares=SHARES,
    total=st.one_of(st.integers(1, 4), st.integers(5, 40)),
    dtype=DTYPES,
    seed=st.integers(0, 99))
def test_encoders(kernel_size, arch, idle, position, fpn, shares, total, dtype,
                  seed, plain):
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
    [mask] = masks_of(shares, total, 1)
    inputs = torch.randn(len(shares), 5, total, dtype=dtype)
    encoder = torch.nn.ModuleList([model.backbone, model.neck])
    assert_equal_paths(
        encoder, lambda: model.extract_feat(inputs, mask)[0],
        lambda: plain.plain_extract_feat(model, inputs, mask)[0], [inputs],
        dtype)


def _zero_the_depth_wise_convolutions(model):
    with torch.no_grad():
        for name, param in model.backbone.named_parameters():
            if name.split('.')[-2] in ('psi', 'window', 'wide', 'fc', 'phi'):
                param.zero_()


@pytest.fixture
def backbone():
    torch.manual_seed(0)
    backbone = DynEBackbone(
        5, embed_channels=16, arch=(1, 1, 2), kernel_size=3).double()
    backbone.init_weights()
    return backbone.eval()


@pytest.mark.parametrize('edit', ['in place', 'data', 'assigned', 'loaded'])
def test_convolutions_that_stop_being_zero_are_computed(backbone, edit, plain):
    inputs, mask = torch.randn(1, 5, 12).double(), torch.ones(1, 1, 12).bool()
    with torch.no_grad():
        before = backbone(inputs, mask)[0]
        for layer in (*backbone.stem, *backbone.branch):
            for conv in (layer.fc, layer.phi, layer.psi, layer.window):
                _change(conv, 'weight', edit)
        after = backbone(inputs, mask)[0]
        expected = plain.plain_backbone(backbone, inputs, mask)[0]
    assert_same(after, expected, torch.float64)
    assert all((x - y).abs().max() > 1e-6 for x, y in zip(before, after))


@pytest.mark.parametrize('edit', ['in place', 'data', 'assigned', 'loaded'])
@pytest.mark.parametrize('name', [
    'depth.attention.conv', 'depth.attention.gate', 'depth.mix', 'down.mix',
    'up.attention.gate.conv'
])
def test_weights_changed_after_a_forward_are_used(edit, name, plain):
    head = DyHead(2, 4, 6, num_layers=2, regression_ranges=RANGES[:2])
    head = draw(head, torch.float64, 0).eval()
    masks = masks_of([16, 9], 12, 2)
    feats = tuple(torch.randn(2, 4, mask.size(2)).double() for mask in masks)
    with torch.no_grad():
        before = sum(head(feats, masks), ())
        for tower in (head.cls_tower, head.reg_tower):
            _change(tower.layers[0].get_submodule(name), 'weight', edit)
        after = sum(head(feats, masks), ())
        expected = sum(plain.plain_head(head, feats, masks), ())
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
    feats, _ = backbone(inputs, torch.ones(2, 1, 12).bool())
    sum(x.square().sum() for x in feats).backward()
    for name, param in backbone.named_parameters():
        assert param.grad is not None, name
        idle = name.split('.')[-2] in ('psi', 'window', 'wide', 'fc', 'phi')
        assert param.grad.any() != idle, name
