"""What is read from inside of detectors: features and gates, valid cells."""
import math
from copy import deepcopy
from pathlib import Path
from unittest.mock import patch

import numpy as np
import plain.dyfadet
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from plain import plain_dfa_conv, plain_head
from plain.ops import activate
from test_combinations import make_model

from dyfadet_mm.apis import encode_video, init_detector, record_gates
from dyfadet_mm.apis.inspection import GatePlace
from dyfadet_mm.models import ConvBackbone
from dyfadet_mm.structures import Cells
from dyfadet_mm.utils.gates import find_gates

MMDET = Path(__file__).parents[2] / (
    'projects/mmdet_parts/configs/'
    'mmdet-single-stage_dyhead_pixels_1xb8-10e_digit-streams.py')
LENGTH = 13
LENGTHS = (13, 7, 4)  # valid cells by level
GATED = [('dyne', 'dyhead'), ('dyne-live', 'dytrident'), ('dfa-c', 'static'),
         ('dfa-k', 'dyhead'), ('dfa-ck', 'static')]


def make_detector(encoder, head, pad_to='max_seq_len'):
    return deepcopy(make_model(encoder, head, pad_to)).float().eval()


def make_data():
    generator = torch.Generator().manual_seed(0)
    return dict(
        inputs=[torch.randn(5, LENGTH, generator=generator)],
        data_samples=[ActionDataSample(metainfo=dict(video_id='v'))])


def plain_conv_layer(layer, x, cells):
    """A layer of DFA convolutions, which the plain detectors have not."""
    y = plain_dfa_conv(layer.conv1, x, cells.mask)
    y = plain_dfa_conv(layer.conv2, y.relu(), cells.at(layer.stride).mask)
    shortcut = x if layer.shortcut is None else layer.shortcut(x, cells)
    return (y + shortcut).relu()


def run_plain(model, data):
    """Encoder's levels, and what activations gave, in the order of levels."""
    called = {}

    def note(act, x):
        called.setdefault(act, []).append(activate(act, x))
        return called[act][-1]

    inputs = model.data_preprocessor(data)['inputs']
    cells = Cells.of([LENGTH], inputs.size(2), 'cpu', model.padding)
    patches = dict(activate=note)
    if isinstance(model.backbone, ConvBackbone):
        patches['plain_layer'] = plain_conv_layer
    with patch.multiple(plain.dyfadet, **patches), torch.no_grad():
        pyramid = plain.dyfadet.plain_backbone(model.backbone, inputs, cells)
        plain_head(model.head, plain.dyfadet.plain_neck(model.neck, pyramid))
    return pyramid.feats, called


@pytest.mark.parametrize('encoder, head', GATED)
def test_gates_are_those_of_a_plain_forward(encoder, head):
    model = make_detector(encoder, head)
    found = record_gates(model, make_data())
    _, called = run_plain(model, make_data())
    for name, layer, part in find_gates(model):
        path = name.rsplit('.', 1)[1]
        gates = called[part.act]
        if path in ('down', 'up', 'depth'):
            first = dict(down=1, up=0, depth=0)[path]
            step = dict(down=1, up=2, depth=1)[path]  # cells of its level
            place = GatePlace(name.rsplit('.', 1)[0], path, None)
        else:
            first = int(name.split('.')[2]) + 1 if 'branch' in name else 0
            step, place = 1, GatePlace(
                'backbone.branch' if first else 'backbone.stem.0', path, None)
        for level, gate in enumerate(gates, first):
            values, cells = found.pop(place._replace(level=level))
            assert cells == step * 2**level
            # the plain layer computes also what the stride leaves out
            gate = gate[0, :, ::layer.stride][:, :math.ceil(LENGTH / cells)]
            np.testing.assert_allclose(
                values.reshape(gate.shape), gate, atol=1e-5)
    assert not found


def test_features_are_those_of_a_plain_forward():
    model = make_detector('dyne-live', 'static')
    found = encode_video(model, make_data())
    levels, _ = run_plain(model, make_data())
    assert found[0].tolist() == make_data()['inputs'][0].t().tolist()
    assert [len(x) for x in found] == [LENGTH, *LENGTHS]
    for ours, theirs in zip(found[1:], levels):
        np.testing.assert_allclose(ours, theirs[0].t()[:len(ours)], atol=1e-5)


@pytest.mark.parametrize('encoder, head', GATED)
def test_padding_never_counts(encoder, head):
    model = make_detector(encoder, head, 'divisor')
    gates = record_gates(model, make_data())
    levels = encode_video(model, make_data())
    model.data_preprocessor.size_divisor = 64
    other = record_gates(model, make_data())
    assert gates.keys() == other.keys()
    for place, (values, _) in gates.items():
        np.testing.assert_allclose(values, other[place].values, atol=1e-5)
    for ours, theirs in zip(levels, encode_video(model, make_data())):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_gates_of_known_bias():
    """Without weights, a gate is its activation of the bias at all cells."""
    model = make_detector('dyne', 'dyhead')
    for _, _, part in find_gates(model):
        gate = getattr(part, 'conv' if hasattr(part, 'axes') else 'gate')
        gate.weight.data.zero_()
        gate.bias.data.fill_(1.5 if hasattr(part, 'axes') else -1.)
    # of GeReTanH at its threshold, 1.5
    half = math.tanh(1.5) / (1 + math.tanh(1.5))
    found = record_gates(model, make_data())
    levels = dict(down=(1, 2), up=(0, 1), depth=(0, 1, 2))
    cells = dict(down=(7, 4), up=(7, 4), depth=LENGTHS)
    for path in levels:
        gates = {
            place.level: each.values
            for place, each in found.items()
            if place[:2] == ('head.cls_tower.layers.0', path)
        }
        assert tuple(gates) == levels[path]
        assert tuple(x.shape[2] for x in gates.values()) == cells[path]
        for values in gates.values():
            assert values.shape[:2] == ((1, 1) if path == 'depth' else (16, 1))
            np.testing.assert_allclose(
                values, 0 if path == 'depth' else half, atol=1e-6)


def test_hooks_are_gone_afterwards():
    model = make_detector('dfa-k', 'dyhead')
    record_gates(model, make_data())
    with pytest.raises(ValueError, match='features must have 5 channels'):
        encode_video(model, dict(inputs=[torch.zeros(4, 8)], data_samples=[]))
    assert not any(each._forward_hooks or each._forward_pre_hooks
                   for each in model.modules())


def test_a_head_that_counts_padding_is_refused():
    cfg = Config.fromfile(MMDET)
    cfg.num_classes = 2
    with pytest.warns(UserWarning, match='random weights'):
        model = init_detector(cfg, device='cpu', classes=['jump', 'run'])
    data = make_data()
    data['inputs'] = [torch.randn(64, LENGTH)]
    assert [len(x)
            for x in encode_video(model, data)] == [LENGTH, *LENGTHS, 2, 1, 1]
    message = (r'bbox_head.cls_tower.layers.0.down must know which cells are '
               r'valid, 15 of levels \[0, 1, 2, 3, 4\], but has gates at 248')
    with pytest.raises(ValueError, match=message):
        record_gates(model, data)


def test_models_without_gates_are_told_what_was_sought():
    message = ('must have layers with gates, DFAAtt .* or DFAConv1d, .* but '
               'SingleStageTAD with ConvBackbone and ConvHead has none')
    with pytest.raises(ValueError, match=message):
        record_gates(make_detector('conv', 'static'), make_data())
