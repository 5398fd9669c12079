import pytest
import torch

from dyfadet_mm.models import LocalAttentionBackbone, LocalAttentionLayer


def make_encoder(**kwargs):
    options = dict(embed_channels=8, arch=(2, 2, 3), num_heads=2)
    return LocalAttentionBackbone(6, **dict(options, **kwargs))


def test_layers_are_those_of_the_arguments():
    encoder = make_encoder(
        window=9, use_rel_pe=True, drop_path_rate=0.2, dropout=0.3)
    layers = [*encoder.stem, *encoder.branch]
    assert [layer.stride for layer in layers] == [1, 1, 2, 2, 2]
    for layer in layers:
        assert isinstance(layer, LocalAttentionLayer)
        assert layer.attention.reach == 4 and layer.attention.num_heads == 2
        assert layer.attention.rel_pe.shape == (1, 1, 2, 9)
        assert layer.attention.dropout.p == layer.mlp[2].p == 0.3
        assert layer.drop_path_attn.drop_prob == 0.2
        assert layer.drop_path_mlp.drop_prob == 0.2


def test_norms_of_the_embedding_may_differ():
    for options, expected in ((dict(), (0.2, 0.2)),
                              (dict(embed_norm_cfg=dict(eps=0.1)), (0.1,
                                                                    0.2))):
        encoder = make_encoder(norm_cfg=dict(eps=0.2), **options)
        layer = encoder.stem[0]
        assert ({x.eps
                 for x in encoder.embed_norms},
                {m.eps
                 for m in layer.modules()
                 if hasattr(m, 'eps')}) == ({expected[0]}, {expected[1]})


def test_first_window_is_that_of_the_whole_stem():
    encoder = make_encoder(window=[7, 5, -1, 2])
    reaches = [
        layer.attention.reach for layer in (*encoder.stem, *encoder.branch)
    ]
    assert reaches == [3, 3, 2, None, 1]


def test_number_of_windows_must_fit():
    with pytest.raises(
            ValueError,
            match=r'window must be one value or 4 of them.* got \[7, 5\]'):
        make_encoder(window=[7, 5])


@pytest.mark.parametrize('length', [1, 2, 3, 13, 70])
def test_any_length_gives_all_levels(length, make_cells):
    encoder = make_encoder(window=[7, 5, -1, 2])
    cells = make_cells([length, (length + 1) // 2, 0], length)
    pyramid = encoder(torch.randn(3, 6, length) * cells.mask, cells)
    lengths = [-(-length // 2**level) for level in range(4)]
    assert [x.shape for x in pyramid.feats] == [(3, 8, n) for n in lengths]
    assert [x.shape for x in pyramid.masks] == [(3, 1, n) for n in lengths]
    assert all(x.isfinite().all() for x in pyramid.feats)


def test_padding_changes_nothing_from_one_cell_per_level(
        randomise, make_cells):
    """Two lengths give the same if every level has a padded cell."""
    encoder = randomise(make_encoder(window=5)).eval()
    x = torch.randn(1, 6, 24).double()
    found = []
    for total in (32, 40, 77, 24):
        padded = torch.nn.functional.pad(x, (0, total - 24))
        pyramid = encoder(padded, make_cells([24], total))
        found.append([
            y[..., mask[0, 0]] for y, mask in zip(pyramid.feats, pyramid.masks)
        ])
    for others in found[1:3]:
        for ours, theirs in zip(others, found[0]):
            torch.testing.assert_close(ours, theirs)
    # a video that fills its grid has no such cell
    assert not torch.allclose(found[3][0], found[0][0])
