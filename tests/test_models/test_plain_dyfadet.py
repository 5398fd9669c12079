"""The oracle itself: against recordings, and against loops over numbers."""
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from plain import (plain_dfa_att, plain_dfa_conv, plain_dy_layer,
                   plain_dyne_layer, plain_extract_feat, plain_forward,
                   plain_gate, plain_head)
from slow_layers import (slow_depth_path, slow_dfa_conv, slow_dy_layer,
                         slow_dyne_layer, slow_scale_path)

from dyfadet_mm.conversion import (convert_config, convert_key,
                                   convert_state_dict)
from dyfadet_mm.models import DFAAtt, DFAConv1d, DyLayer, DynELayer
from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells

ROOT = Path(__file__).resolve().parents[2]
PEERS = ('opentad_', 'actionformer_', 'tridet_')
TAP = dict(type='dyfadet_mm.TapAttention')
CONV = dict(type='dyfadet_mm.ConvAttention')
FORMATIONS = ['c', 'k', 'ck']


def golden_files():
    files = [
        *(ROOT.parent / 'shared/golden').glob('*.pt'),
        *(ROOT / 'tests/data/golden').glob('*.pt')
    ]
    by_name = {
        path.stem: path
        for path in files if not path.name.startswith(PEERS)
    }
    return [by_name[name] for name in sorted(by_name)]


@pytest.fixture(scope='module', params=golden_files(), ids=lambda x: x.stem)
def golden(request):
    return torch.load(request.param, weights_only=True)


@pytest.fixture(scope='module')
def model(golden):
    model = MODELS.build(convert_config(golden['config']))
    model.load_state_dict(
        convert_state_dict(golden['state_dict']), strict=True)
    return model


def as_batch(model, videos):
    """Features (B, C, T) and cells, padded as the model does."""
    feats = [video['feats'] for video in videos]
    inputs = model.data_preprocessor(dict(inputs=feats))['inputs']
    lengths = [x.size(1) for x in feats]
    return inputs, Cells.of(lengths, inputs.size(2), 'cpu', model.padding)


def assert_levels_close(ours, theirs):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-4)


def test_recorded_outputs_and_gradients_are_reproduced(golden, model):
    expected = golden['train']
    model.train().zero_grad()
    inputs, cells = as_batch(model, golden['inputs'])
    assert torch.equal(cells.mask, expected['batched_masks'])
    pyramid = plain_extract_feat(model, inputs, cells)
    assert all(map(torch.equal, pyramid.masks, expected['masks']))
    if 'neck' in expected:
        assert_levels_close(pyramid.feats, expected['neck'])
    cls_logits, offsets = plain_head(model.head, pyramid)
    assert_levels_close(cls_logits, expected['cls_logits'])
    assert_levels_close(offsets, expected['offsets'])

    instances = [
        InstanceData(grid_segments=video['segments'], labels=video['labels'])
        for video in golden['inputs']
    ]
    losses = model.head.loss_by_feat(cls_logits, offsets, pyramid.masks,
                                     instances)
    sum(losses.values()).backward()
    grads = {name: p.grad for name, p in model.named_parameters()}
    for name, norm in expected['grad_norms'].items():
        grad = grads[convert_key(name)]
        assert grad.norm().item() == pytest.approx(norm, rel=1e-3, abs=1e-7)


@torch.no_grad()
def test_recorded_outputs_in_evaluation_are_reproduced(golden, model):
    model.eval()
    for video, expected in zip(golden['inputs'], golden['eval']):
        cls_logits, offsets = plain_forward(model, *as_batch(model, [video]))
        assert_levels_close(cls_logits, expected['cls_logits'])
        assert_levels_close(offsets, expected['offsets'])


def assert_videos_close(ours, masks, feats, slow):
    """Each video of a batch against ``slow(features, mask)`` alone."""
    for video, out in enumerate(ours):
        expected = slow(feats[video].numpy(), masks[video, 0].numpy())
        torch.testing.assert_close(out, torch.from_numpy(expected))


@pytest.mark.parametrize('formation', FORMATIONS)
@pytest.mark.parametrize('num_taps, length', [(3, 7), (5, 4), (7, 2), (3, 1)])
def test_dfa_equals_its_loops(formation, num_taps, length, randomise,
                              make_cells):
    masks = make_cells([length, length // 2], length).mask
    feats = torch.randn(2, 3, length).double() * masks
    scale = randomise(DFAAtt(3, 4, num_taps, dict(TAP, formation=formation)))
    assert_videos_close(
        plain_dfa_att(scale, feats, masks), masks, feats,
        lambda x, mask: slow_scale_path(x, mask, scale, formation, num_taps))
    conv = randomise(DFAConv1d(3, 4, num_taps, formation=formation))
    assert_videos_close(
        plain_dfa_conv(conv, feats, masks), masks, feats,
        lambda x, mask: slow_dfa_conv(x, mask, conv, formation, num_taps))
    depth = randomise(DFAAtt(3, 4, num_taps, CONV))
    assert_videos_close(
        plain_dfa_att(depth, feats, masks), masks, feats,
        lambda x, mask: slow_depth_path(x, mask, depth, num_taps))


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('formation', FORMATIONS)
def test_formation_is_told_from_the_weight(formation, channels, randomise,
                                           make_cells):
    gate = randomise(DFAConv1d(channels, 4, 3, formation=formation)).gate
    weight = plain_gate(gate,
                        torch.randn(1, channels, 5).double(),
                        make_cells([3], 5).mask)
    shape = dict(c=(channels, 1), k=(1, 3), ck=(channels, 3))[formation]
    assert weight.shape == (1, *shape, 5)
    assert weight[..., :3].any() and not weight[..., 3:].any()


@pytest.mark.parametrize('formation', FORMATIONS)
@pytest.mark.parametrize('num_taps, length, num_levels', [(3, 7, 3), (5, 6, 2),
                                                          (3, 4, 1)])
def test_dy_layer_equals_its_loops(formation, num_taps, length, num_levels,
                                   randomise, make_pyramid):
    path = dict(
        type='dyfadet_mm.DFAAtt', attention=dict(TAP, formation=formation))
    layer = randomise(DyLayer(3, 4, num_taps, path))
    pyramid = make_pyramid([length, length // 2], length, num_levels, 3)
    feats, masks = pyramid.feats, pyramid.masks
    outs = plain_dy_layer(layer, feats, masks)
    for video in range(2):
        expected = slow_dy_layer([x[video].numpy() for x in feats],
                                 [x[video, 0].numpy() for x in masks], layer,
                                 formation, num_taps)
        for ours, theirs in zip(outs, expected):
            torch.testing.assert_close(ours[video], torch.from_numpy(theirs))


@pytest.mark.parametrize('length', [1, 5, 8])
@pytest.mark.parametrize('stride, drop_path_rate', [(1, None), (2, 0.)])
def test_dyne_layer_equals_its_loops(length, stride, drop_path_rate, randomise,
                                     make_cells):
    layer = randomise(
        DynELayer(
            16, 3, 1.5, stride, mlp_channels=4, drop_path_rate=drop_path_rate))
    cells = make_cells([length, length // 2], length)
    feats = torch.randn(2, 16, length).double()
    outs = plain_dyne_layer(layer, feats, cells)
    for video, mask in enumerate(cells.mask[:, 0].numpy()):
        expected, mask = slow_dyne_layer(feats[video].numpy(), mask, layer,
                                         stride)
        torch.testing.assert_close(outs[video], torch.from_numpy(expected))
        assert np.array_equal(cells.at(stride).mask[video, 0], mask)
