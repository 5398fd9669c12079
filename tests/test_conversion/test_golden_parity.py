"""The published code's outputs on random weights, reproduced.

Three recordings lie in ``tests/data/golden``; all others of the same kind are
read from ``../shared/golden`` where that folder exists.
"""
from pathlib import Path

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.structures import InstanceData

from dyfadet_mm.conversion import (convert_config, convert_key,
                                   convert_state_dict)
from dyfadet_mm.models.detectors.single_stage_tad import valid_cells
from dyfadet_mm.models.task_modules import Points
from dyfadet_mm.registry import MODELS

ROOT = Path(__file__).parents[2]
PEERS = ('opentad_', 'actionformer_', 'tridet_')


def golden_files():
    embedded = sorted((ROOT / 'tests/data/golden').glob('*.pt'))
    names = {path.name for path in embedded}
    shared = sorted((ROOT.parent / 'shared/golden').glob('*.pt'))
    others = [path for path in shared if path.name not in names]
    return [
        path for path in embedded + others if not path.name.startswith(PEERS)
    ]


@pytest.fixture(scope='module', params=golden_files(), ids=lambda x: x.stem)
def golden(request):
    return torch.load(request.param, weights_only=True)


@pytest.fixture
def model(golden):
    model = MODELS.build(convert_config(golden['config']))
    model.load_state_dict(
        convert_state_dict(golden['state_dict']), strict=True)
    for module in model.modules():  # recorded without stochastic depth
        if hasattr(module, 'drop_prob'):
            module.drop_prob = 0.
    return model


def as_sample(video):
    sample = ActionDataSample(
        metainfo=dict(
            video_id=video.get('video_id', 'long'),
            duration=video['duration'],
            fps=30.,
            feat_stride=4,
            feat_num_frames=16))
    if 'labels' in video and 'fps' in video:
        sample.gt_instances = InstanceData(
            segments=video['segments'], labels=video['labels'])
    return sample


def as_batch(videos):
    return dict(
        inputs=[video['feats'] for video in videos],
        data_samples=[as_sample(video) for video in videos])


def assert_levels_close(ours, theirs, atol):
    assert len(ours) == len(theirs)
    for level, (a, b) in enumerate(zip(ours, theirs)):
        torch.testing.assert_close(
            a, b, rtol=0, atol=atol, msg=lambda text: f'{level}: {text}')


def test_training_outputs(golden, model):
    model.train()
    batch = model.data_preprocessor(as_batch(golden['inputs']), training=True)
    mask = valid_cells(batch['inputs'], batch['data_samples'])
    expected = golden['train']
    assert torch.equal(mask, expected['batched_masks'])
    with torch.no_grad():
        feats, masks = model.backbone(batch['inputs'], mask)
        assert all(map(torch.equal, masks, expected['masks']))
        if 'backbone' in expected:
            assert_levels_close(feats, expected['backbone'], 1e-4)
        feats, masks = model.neck(feats, masks)
        if 'neck' in expected:
            assert_levels_close(feats, expected['neck'], 1e-4)
        cls_logits, offsets = model.head(feats, masks)
    assert_levels_close(cls_logits, expected['cls_logits'], 1e-4)
    assert_levels_close(offsets, expected['offsets'], 1e-4)


def test_points_and_targets(golden, model):
    expected = golden['train']
    mlvl_points = model.head.points([len(x) for x in expected['points']],
                                    'cpu')
    for points, theirs in zip(mlvl_points, expected['points']):
        ours = torch.cat((points.position[:, None], points.regression_range,
                          points.stride[:, None]), 1)
        assert torch.equal(ours, theirs)
    labels, offsets = model.head.get_targets(
        Points.cat(mlvl_points),
        [as_sample(video).gt_instances for video in golden['inputs']])
    assert torch.equal(labels, torch.stack(list(expected['gt_cls'])))
    assert torch.equal(offsets, torch.stack(list(expected['gt_offsets'])))


def test_losses_normalizer_and_gradients(golden, model):
    model.train()
    batch = model.data_preprocessor(as_batch(golden['inputs']), training=True)
    losses = model(**batch, mode='loss')
    total, _ = model.parse_losses(losses)
    total.backward()
    expected = golden['train']
    for ours, theirs in (('loss_cls', 'cls_loss'), ('loss_reg', 'reg_loss')):
        assert losses[ours].item() == pytest.approx(
            expected['losses'][theirs], rel=1e-5)
    assert total.item() == pytest.approx(
        expected['losses']['final_loss'], rel=1e-5)
    assert model.head.loss_normalizer.value.item() == pytest.approx(
        expected['loss_normalizer_after'], rel=1e-6)

    parameters = dict(model.named_parameters())
    norms = {convert_key(k): v for k, v in expected['grad_norms'].items()}
    assert norms.keys() == parameters.keys()
    for name, norm in norms.items():
        grad = parameters[name].grad
        assert grad.norm().item() == pytest.approx(norm, rel=1e-3, abs=1e-7)


@torch.no_grad()
def test_testing_outputs(golden, model):
    model.eval()
    for video, expected in zip(golden['inputs'], golden['eval']):
        batch = model.data_preprocessor(as_batch([video]))
        cls_logits, offsets = model(**batch, mode='tensor')
        assert_levels_close(cls_logits, expected['cls_logits'], 1e-4)
        assert_levels_close(offsets, expected['offsets'], 1e-4)


def assert_same_detections(ours, theirs):
    """Equal as sets: every detection has its partner, both ways."""
    assert len(ours.scores) == len(theirs['scores'])

    def rows(segments, scores, labels):
        # in these units a difference of 1 is at the tolerance
        return torch.cat(
            (segments / 1e-3, scores[:, None] / 1e-4, labels[:, None] * 1e6),
            1).double()

    distance = torch.cdist(
        rows(ours.segments, ours.scores, ours.labels),
        rows(theirs['segments'], theirs['scores'], theirs['labels']),
        p=float('inf'))
    assert distance.min(0).values.max() < 1
    assert distance.min(1).values.max() < 1


def test_detections(golden, model):
    model.eval()
    videos, expected = list(golden['inputs']), list(golden['eval'])
    if 'long' in golden:
        videos.append(golden['long'])
        expected.append(golden['long'])
    for video, theirs in zip(videos, expected):
        [sample] = model.test_step(as_batch([video]))
        assert_same_detections(sample.pred_instances, theirs)
        scores = sample.pred_instances.scores
        assert (scores[:-1] >= scores[1:]).all()

    batch = model.test_step(as_batch(videos))  # of different padded lengths
    for sample, theirs in zip(batch, expected):
        assert_same_detections(sample.pred_instances, theirs)
