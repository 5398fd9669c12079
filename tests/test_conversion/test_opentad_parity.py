"""Converted OpenTAD models against recordings and against its rules.

One golden file stands in ``tests/data/golden``; all others of its kind are
read from ``../shared/golden`` where that folder exists.
"""
from functools import partial
from pathlib import Path

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.structures import InstanceData
from opentad_weights import OpenTADWeights, model_dict
from plain import plain_extract_feat, plain_forward, plain_head
from plain_opentad import PlainOpenTAD

from dyfadet_mm.conversion import convert_config, convert_state_dict
from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells

ROOT = Path(__file__).resolve().parents[2]
#: Small models with the choices of OpenTAD's recipes and of others.
MODELS_LIKE = dict(
    thumos=dict(),
    anet=dict(
        width=32,
        head_width=48,
        num_classes=1,
        encoder_win_size=15,
        k=1.2,
        use_abs_pe=True,
        init_conv_vars=0.15,
        max_seq_len=96),
    hacs=dict(
        width=32,
        head_width=64,
        num_classes=7,
        encoder_win_size=3,
        k=1.2,
        use_abs_pe=True,
        head=dict(head_kernel_size=5),
        max_seq_len=64),
    fineaction=dict(
        head_width=48,
        num_classes=1,
        arch=(2, 2, 6),
        ranges='C',
        encoder_win_size=15,
        k=1.3,
        use_abs_pe=True,
        mlp_dim=None,
        max_seq_len=128),
    epic=dict(
        ranges='B',
        k=4,
        arch=(1, 1, 5),
        head=dict(num_convs=3),
        dyn_head=dict(tau=2., type='ReTanH', dyn_type='ck')),
    one_layer=dict(head=dict(num_convs=1), path_pdrop=0.))


def golden_files():
    files = [
        *(ROOT.parent / 'shared/golden').glob('opentad_*.pt'),
        *(ROOT / 'tests/data/golden').glob('opentad_*.pt')
    ]
    by_name = {path.name: path for path in files}
    return [by_name[name] for name in sorted(by_name)]


@pytest.fixture(scope='module', params=golden_files(), ids=lambda x: x.stem)
def golden(request):
    return torch.load(request.param, weights_only=True)


def build(config, weights):
    model = MODELS.build(convert_config(config)).eval()
    model.load_state_dict(convert_state_dict(weights), strict=True)
    return model


@torch.no_grad()
def outputs(model, inputs, lengths):
    """What our model gives, under the names of the golden file."""
    cells = Cells.of(lengths, inputs.size(2), 'cpu', model.padding)
    pyramid = model.backbone(inputs, cells)
    neck = model.neck(pyramid)
    cls_logits, offsets = model.head(neck)
    levels = model.head.decode_by_feat(cls_logits, offsets, neck.masks)
    masks = [mask[:, 0] for mask in neck.masks]

    def valid(field):
        return [
            torch.cat([
                level[field][mask[video]]
                for level, mask in zip(levels[video], masks)
            ]) for video in range(len(inputs))
        ]

    return dict(
        projection=pyramid.feats,
        pyramid_masks=masks,
        neck=neck.feats,
        cls_logits=cls_logits,
        offsets=offsets,
        proposals=valid(0),
        scores=valid(1))


def assert_same(ours, theirs):
    for name, expected in ours.items():
        assert len(expected) == len(theirs[name]), name
        for level, (a, b) in enumerate(zip(expected, theirs[name])):
            torch.testing.assert_close(
                a,
                b,
                rtol=0,
                atol=1e-4,
                check_dtype=False,
                msg=lambda text: f'{name}, {level}: {text}')


def test_recorded_outputs_are_reproduced(golden):
    model = build(golden['config'], golden['state_dict'])
    lengths = golden['masks'].sum(1).tolist()
    assert_same(outputs(model, golden['inputs'], lengths), golden)


@torch.no_grad()
def test_the_rules_of_these_tests_are_those_of_the_recording(golden):
    theirs = PlainOpenTAD(golden['config'],
                          golden['state_dict'])(golden['inputs'],
                                                golden['masks'])
    assert theirs.keys() <= golden.keys()
    assert_same(theirs, golden)


def test_the_names_of_these_tests_are_those_of_the_recording(golden):
    ours = OpenTADWeights(golden['config'])
    theirs = golden['state_dict']
    assert {
        k: (v.shape, v.dtype)
        for k, v in ours.items()
    } == {
        k: (v.shape, v.dtype)
        for k, v in theirs.items()
    }


def batch_of(model, *lengths):
    """Random videos, padded as the model does, and their cells."""
    channels = model.backbone.in_channels
    batch = model.data_preprocessor(
        dict(
            inputs=[torch.randn(channels, length) for length in lengths],
            data_samples=[ActionDataSample() for _ in lengths]))
    cells = model.cells_of(batch['inputs'], batch['data_samples'])
    assert cells.mask.sum((1, 2)).tolist() == list(lengths)
    return batch['inputs'].double(), cells


@pytest.fixture(scope='module', params=MODELS_LIKE)
def pair(request):
    """Our model and the plain one with the same random weights, float64."""
    torch.manual_seed(0)
    config = model_dict(**MODELS_LIKE[request.param])
    weights = OpenTADWeights(config)
    plain = PlainOpenTAD(config, {k: v.double() for k, v in weights.items()})
    return build(config, weights).double(), plain


@pytest.mark.parametrize('lengths', [(64, 37, 1), (6, 62), (131, ),
                                     (200, 129)])
@torch.no_grad()
def test_other_models_follow_the_same_rules(pair, lengths):
    model, plain = pair
    torch.manual_seed(1)
    inputs, cells = batch_of(model, *lengths)
    assert_same(
        outputs(model, inputs, lengths), plain(inputs, cells.mask[:, 0]))


@torch.no_grad()
def test_the_plain_model_knows_the_padding_of_opentad(pair):
    """``tests/plain``, the yardstick of the benchmark."""
    model, _ = pair
    inputs, cells = batch_of(model, 50, 21)
    ours = model.head(model.extract_feat(inputs, cells))
    theirs = plain_forward(model, inputs, cells)
    for a, b in zip(ours[0] + ours[1], theirs[0] + theirs[1]):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


@pytest.mark.parametrize('name', ['thumos', 'anet'])
@torch.no_grad()
def test_ignored_padding_changes_nothing(name):
    """With its options too, every grid ends with its video."""
    config = model_dict(**MODELS_LIKE[name])
    cfg = convert_config(config)
    cfg['data_preprocessor']['pad_to'] = 'divisor'
    model = MODELS.build(cfg).eval()
    model.load_state_dict(convert_state_dict(OpenTADWeights(config)))
    model.double()
    inputs, cells = batch_of(model, 78, 41)
    together = model.head(model.extract_feat(inputs, cells))
    for video, length in enumerate((78, 41)):
        alone = model.head(model.extract_feat(inputs[[video], :, :length]))
        for ours, theirs in zip(together[0] + together[1],
                                alone[0] + alone[1]):
            torch.testing.assert_close(
                ours[[video], :, :theirs.size(2)], theirs, rtol=0, atol=1e-9)


def test_training_with_noise_on_padding_follows_the_plain_model():
    """Losses and gradients; the noise next to a video reaches its cells."""
    config = model_dict(path_pdrop=0., input_noise=0.5)
    model = build(config, OpenTADWeights(config)).train()
    samples = [
        ActionDataSample(
            gt_instances=InstanceData(
                grid_segments=torch.tensor([[3., 30.]]),
                labels=torch.tensor([1]))) for _ in range(2)
    ]
    batch = model.data_preprocessor(
        dict(
            inputs=[torch.randn(24, n) for n in (90, 33)],
            data_samples=samples),
        training=True)
    inputs = batch['inputs'].double()
    samples = batch['data_samples']
    cells = model.cells_of(inputs, samples)
    assert inputs[1, :, 33:].any() and not cells.mask.all()
    model.double()
    grads = []
    for extract_feat, head in ((model.extract_feat, model.head),
                               (partial(plain_extract_feat, model),
                                partial(plain_head, model.head))):
        model.zero_grad()
        model.head.loss_normalizer.value.fill_(10.)
        pyramid = extract_feat(inputs, cells)
        losses = model.head.loss_by_feat(
            *head(pyramid), pyramid.masks,
            [sample.gt_instances for sample in samples])
        sum(losses.values()).backward()
        grads.append({k: p.grad.clone() for k, p in model.named_parameters()})
    for name, grad in grads[0].items():
        torch.testing.assert_close(
            grad, grads[1][name], rtol=1e-4, atol=1e-6, msg=name)
