import pytest
import torch
import torch.nn.functional as F

from dyfadet_mm.models import (ConvBackbone, ConvLayer, PlainConv1d,
                               SqueezeExcitation)

OPS = ['PlainConv1d', 'DeformConv1d', 'TD3dConv1d', 'DynamicConv1d'
       ] + [f'DFAConv1d-{formation}' for formation in ('c', 'k', 'ck')]


def make_encoder(op='PlainConv1d', **kwargs):
    name, _, formation = op.partition('-')
    op = dict(type=f'dyfadet_mm.{name}')
    if formation:
        op['formation'] = formation
    options = dict(op=op, embed_channels=8, arch=(2, 2, 3))
    return ConvBackbone(6, **dict(options, **kwargs))


def test_encoder_is_plain_unless_told_otherwise():
    encoder = ConvBackbone(4, embed_channels=8)
    assert len(encoder.stem) == 2 and len(encoder.branch) == 5
    for layer in (*encoder.stem, *encoder.branch):
        assert isinstance(layer, ConvLayer) and layer.squeeze is None
        assert type(layer.conv1) is type(layer.conv2) is PlainConv1d
        assert layer.conv1.kernel_size == layer.conv2.kernel_size == (3, )


def test_squeeze_is_built_in_every_layer():
    squeeze = dict(type='dyfadet_mm.SqueezeExcitation', reduction=4)
    encoder = make_encoder(squeeze=squeeze)
    for layer in (*encoder.stem, *encoder.branch):
        assert isinstance(layer.squeeze, SqueezeExcitation)
        assert layer.squeeze.reduce.out_features == 2


@pytest.mark.parametrize('op', OPS)
@pytest.mark.parametrize('length', [1, 2, 5, 13, 16])
def test_any_length_gives_all_levels(op, length, make_cells):
    encoder = make_encoder(op)
    cells = make_cells([length, (length + 1) // 2, 0], length)
    pyramid = encoder(torch.randn(3, 6, length) * cells.mask, cells)
    lengths = [-(-length // 2**level) for level in range(4)]
    assert [x.shape for x in pyramid.feats] == [(3, 8, n) for n in lengths]
    assert [x.shape for x in pyramid.masks] == [(3, 1, n) for n in lengths]
    assert all(x.isfinite().all() for x in pyramid.feats)


@pytest.mark.parametrize('op', OPS)
def test_every_parameter_gets_a_gradient(op, randomise, make_cells):
    encoder = randomise(make_encoder(op, arch=(1, 1, 1)))
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.mul_(0.25)  # else gates are open as far as they go
    feats, _ = encoder(
        torch.randn(2, 6, 16).double(), make_cells([16, 16], 16))
    sum((x * torch.randn_like(x)).sum() for x in feats).backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


@pytest.mark.parametrize('op', OPS)
def test_outputs_depend_on_neither_padding_nor_batch(op, randomise,
                                                     make_cells):
    encoder = randomise(make_encoder(op))
    x = torch.randn(2, 6, 21).double()
    x = 0.1 * x * make_cells([21, 9], 21).mask
    together = encoder(F.pad(x, (0, 11)), make_cells([21, 9], 32, 'ignored'))
    for video, length in ((0, 21), (1, 9)):
        alone = encoder(x[video:video + 1, :, :length],
                        make_cells([length], length, 'ignored'))
        for ours, mask, theirs in zip(together.feats, together.masks,
                                      alone.feats):
            assert not (ours * ~mask).any()
            torch.testing.assert_close(ours[video, :, :theirs.size(2)],
                                       theirs[0])
