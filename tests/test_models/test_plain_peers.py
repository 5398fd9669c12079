"""The plain ActionFormer and TriDet against the models."""
import pytest
import torch
from mmengine.registry import DefaultScope
from plain import plain_forward

from dyfadet_mm.registry import MODELS

ENCODERS = dict(
    attention=dict(type='LocalAttentionBackbone', num_heads=2, window=5),
    attend_all=dict(
        type='LocalAttentionBackbone', num_heads=2, window=[5, 4, -1]),
    sgp=dict(type='SGPBackbone', kernel_size=3, factor=1.5, init_std=0.2),
    sgp_mean=dict(
        type='PyramidEncoder',
        stem_layer=dict(type='SGPLayer', init_std=0.2),
        branch_layer=dict(type='SGPLayer', downsample='avg', init_std=0.2)))
HEADS = dict(
    static=dict(type='ConvHead'),
    dyhead=dict(type='DyHead'),
    trident=dict(type='TridentHead', num_bins=3, boundary_kernel_size=5))


def build(encoder, head):
    """A detector of three levels with random weights."""
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('dyfadet_mm'):
        model = MODELS.build(
            dict(
                type='SingleStageTAD',
                data_preprocessor=dict(
                    type='TADDataPreprocessor', max_seq_len=32),
                backbone=dict(
                    ENCODERS[encoder],
                    in_channels=6,
                    embed_channels=16,
                    arch=(2, 1, 2)),
                neck=dict(type='IdentityFPN', channels=16, num_levels=3),
                head=dict(
                    HEADS[head],
                    num_classes=4,
                    in_channels=16,
                    feat_channels=16,
                    regression_ranges=[(0, 4), (4, 8), (8, 1000)])))
    model.init_weights()
    for parameter in model.parameters():
        if parameter.ndim < 2:  # biases, norms and scales count as well
            torch.nn.init.normal_(parameter, 0.3, 0.3)
    return model.double().eval()


@pytest.mark.parametrize('encoder', ENCODERS)
@pytest.mark.parametrize('head', HEADS)
@pytest.mark.parametrize('total, valid', [(32, 9), (32, 32), (23, 20)])
@torch.no_grad()
def test_plain_equals_the_model(make_cells, encoder, head, total, valid):
    model = build(encoder, head)
    cells = make_cells([valid, total // 2], total)
    inputs = torch.randn(2, 6, total, dtype=torch.double) * cells.mask
    pyramid = model.extract_feat(inputs, cells)
    outputs = model.head(pyramid)
    expected = plain_forward(model, inputs, cells)
    assert len(outputs) == len(expected)
    for ours, theirs in zip(outputs, expected):
        for x, y, valid_cells in zip(ours, theirs, pyramid.masks):
            torch.testing.assert_close(x * valid_cells, y * valid_cells)
