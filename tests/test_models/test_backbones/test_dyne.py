import pytest
import torch

from dyfadet_mm.models import DynEBackbone, DynELayer, SGPBackbone
from dyfadet_mm.structures import Cells
from dyfadet_mm.structures import pyramid as structures


def make_encoder(**kwargs):
    options = dict(
        kernel_size=3,
        factor=1.2,
        mlp_channels=8,
        embed_channels=32,
        arch=(2, 2, 3))
    return DynEBackbone(6, **dict(options, **kwargs))


def test_published_setting_has_six_levels_of_stride_1_to_32(make_cells):
    encoder = DynEBackbone(4, embed_channels=32)
    pyramid = encoder(torch.randn(1, 4, 64), make_cells([64], 64))
    assert [x.size(2) for x in pyramid.feats] == [64, 32, 16, 8, 4, 2]
    assert [x.size(2) for x in pyramid.masks] == [64, 32, 16, 8, 4, 2]


def test_window_and_drop_path_are_the_branch_layers_only():
    encoder = make_encoder(drop_path_rate=0.2)
    for layer in encoder.stem:
        assert layer.window.kernel_size == (1, )
        assert not list(layer.drop_path_out.parameters())
    for layer in encoder.branch:
        assert layer.window.kernel_size == (3, )
        assert layer.wide.kernel_size == (5, )
        assert layer.drop_path_out.drop_prob == 0.2
        assert layer.drop_path_mlp.drop_prob == 0.2


@pytest.mark.parametrize('length', [1, 2, 3, 5, 13, 16])
def test_any_length_gives_all_levels(length, make_cells):
    encoder = make_encoder()
    cells = make_cells([length, (length + 1) // 2], length)
    pyramid = encoder(torch.randn(2, 6, length), cells)
    lengths = [-(-length // 2**level) for level in range(4)]
    assert [x.shape for x in pyramid.feats] == [(2, 32, n) for n in lengths]
    assert [x.shape for x in pyramid.masks] == [(2, 1, n) for n in lengths]
    assert all(x.isfinite().all() for x in pyramid.feats)


def test_every_parameter_gets_a_gradient(randomise, make_cells):
    encoder = randomise(make_encoder(drop_path_rate=0.))
    feats, _ = encoder(
        torch.randn(2, 6, 16).double(), make_cells([16, 16], 16))
    sum((x * torch.randn_like(x)).sum() for x in feats).backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


def test_videos_are_independent(randomise, make_cells):
    encoder = randomise(make_encoder()).eval()
    x, cells = torch.randn(2, 6, 16).double(), make_cells([16, 9], 16)
    other = torch.cat((x[:1] + 1, x[1:]))
    for ours, theirs in zip(
            encoder(x, cells).feats,
            encoder(other, cells).feats):
        assert torch.equal(ours[1], theirs[1])


def test_init_weights_follows_the_layers():
    encoder = make_encoder(init_std=0.3)
    encoder.init_weights()
    for layer in (*encoder.stem, *encoder.branch):
        assert layer.psi.weight.any() and not layer.psi.bias.any()
    encoder = make_encoder()  # as published for THUMOS14
    encoder.init_weights()
    for layer in (*encoder.stem, *encoder.branch):
        assert not layer.psi.weight.any() and not layer.wide.weight.any()


@pytest.mark.parametrize('padding', ['published', 'opentad', 'masked'])
@pytest.mark.parametrize('kind, options', [
    (DynEBackbone, dict()),
    (SGPBackbone, dict(downsample='max')),
    (SGPBackbone, dict(downsample='avg')),
])
@pytest.mark.parametrize('total', [21, 30, 64])
def test_one_cell_stands_for_the_padding_behind_it(kind, options, padding,
                                                   total, randomise,
                                                   monkeypatch):
    """Where windows are idle, as they are in published weights."""
    monkeypatch.setattr(structures, 'LENGTH_MULTIPLE', 1)
    encoder = randomise(
        kind(6, embed_channels=32, mlp_channels=8, arch=(1, 1, 2), **options))
    layers = [*encoder.stem, *encoder.branch]
    for layer in layers:
        for name in ('psi', 'window', 'wide', 'fc', 'phi'):
            for param in getattr(layer, name).parameters():
                param.data.zero_()
    encoder.eval()
    seen = []
    encoder.stem[0].register_forward_pre_hook(
        lambda module, args: seen.append(args[0].size(2)))
    cells = Cells.of([2, 5], total, 'cpu', padding)
    inputs = torch.randn(2, 6, total).double()
    fast = encoder(inputs, cells).feats
    assert all(layer.reach == 2 for layer in layers)
    with monkeypatch.context() as patch:
        patch.setattr(DynELayer, 'reach', None)
        whole = encoder(inputs, cells).feats
    assert seen[0] < seen[1] == total
    for ours, expected in zip(fast, whole):
        torch.testing.assert_close(ours, expected)


def test_a_layer_with_a_forward_of_its_own_gets_all_padding():

    class Mixing(DynELayer):

        def forward(self, x, cells):
            return super().forward(x + x.flip(2), cells)

    for kind, reach in ((DynELayer, 2), (Mixing, None)):
        layer = kind(16)
        layer.init_weights()
        assert layer.is_dead and layer.reach == reach
