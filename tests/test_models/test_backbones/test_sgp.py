import pytest
import torch

from dyfadet_mm.models import SGPBackbone, SGPLayer


def make_encoder(**kwargs):
    options = dict(
        kernel_size=3,
        factor=1.2,
        mlp_channels=8,
        embed_channels=32,
        arch=(2, 2, 3))
    return SGPBackbone(6, **dict(options, **kwargs))


def test_window_and_drop_path_are_the_branch_layers_only():
    encoder = make_encoder(drop_path_rate=0.2, downsample='avg')
    assert (encoder.out_channels, encoder.num_levels) == (32, 4)
    for layer in (*encoder.stem, *encoder.branch):
        assert isinstance(layer, SGPLayer)
    for layer in encoder.stem:
        assert layer.window.kernel_size == (1, )
        assert not list(layer.drop_path_out.parameters())
        assert layer.downsample is None
    for layer in encoder.branch:
        assert layer.window.kernel_size == (3, )
        assert layer.wide.kernel_size == (5, )
        assert layer.drop_path_out.drop_prob == 0.2
        assert layer.downsample is not None


def test_a_list_of_windows_is_one_for_each_level():
    """The first one is not read, as in TriDet."""
    encoder = make_encoder(kernel_size=[7, 1, 3, 5])
    layers = (*encoder.stem, *encoder.branch)
    sizes = [layer.window.kernel_size[0] for layer in layers]
    assert sizes == [1, 1, 1, 3, 5]


def test_a_list_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r'one value or 4 .* got \[1, 3\]'):
        make_encoder(kernel_size=[1, 3])


@pytest.mark.parametrize('downsample', ['max', 'avg'])
@pytest.mark.parametrize('length', [1, 2, 3, 5, 13, 16])
def test_any_length_gives_all_levels(downsample, length, make_cells):
    encoder = make_encoder(downsample=downsample)
    cells = make_cells([length, (length + 1) // 2], length)
    pyramid = encoder(torch.randn(2, 6, length), cells)
    lengths = [-(-length // 2**level) for level in range(4)]
    assert [x.shape for x in pyramid.feats] == [(2, 32, n) for n in lengths]
    assert [x.shape for x in pyramid.masks] == [(2, 1, n) for n in lengths]
    assert all(x.isfinite().all() for x in pyramid.feats)


def test_levels_are_the_layers_one_after_the_other(randomise, make_cells):
    """No cell is left out: statistics of each layer cover all padding."""
    encoder = randomise(make_encoder()).eval()
    x, cells = torch.randn(2, 6, 64).double(), make_cells([9, 5], 64)
    feats, levels = encoder(x, cells)
    for conv, norm in zip(encoder.embed, encoder.embed_norms):
        x = norm(conv(x, cells.mask)).relu()
    for layer in encoder.stem:
        x = layer(x, cells)
    torch.testing.assert_close(feats[0], x)
    for layer, cells, level in zip(encoder.branch, levels, feats[1:]):
        x = layer(x, cells)
        torch.testing.assert_close(level, x)


def test_init_weights_follows_the_layers():
    encoder = make_encoder(init_std=0.3)
    encoder.init_weights()
    for layer in (*encoder.stem, *encoder.branch):
        assert layer.psi.weight.any() and not layer.psi.bias.any()
