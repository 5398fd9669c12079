"""Outputs of a published code on random weights, reproduced.

Some recordings lie in ``tests/data/golden``, without what the others suffice
for; all others of the same kind are read from ``../shared/golden`` where that
folder exists.
"""
from pathlib import Path

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.structures import InstanceData

from dyfadet_mm.conversion import (convert_config, convert_key,
                                   convert_state_dict)
from dyfadet_mm.registry import MODELS

ROOT = Path(__file__).parents[2]
PEERS = ('opentad_', 'actionformer_', 'tridet_')


def golden_files(prefix=None):
    """Recordings whose names start so; without a prefix, of DyFADet."""
    files = {}  # those without gaps replace the embedded ones
    for folder in (ROOT / 'tests/data/golden', ROOT.parent / 'shared/golden'):
        files.update({path.name: path for path in sorted(folder.glob('*.pt'))})
    return [
        path for name, path in files.items()
        if (name.startswith(prefix) if prefix else not name.startswith(PEERS))
    ]


def load(path):
    """Read a recording."""
    return torch.load(path, weights_only=True)


def build_model(golden):
    """The recorded model, without stochastic depth, as it was recorded."""
    model = MODELS.build(convert_config(golden['config']))
    model.load_state_dict(
        convert_state_dict(golden['state_dict']), strict=True)
    for module in model.modules():
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
            grid_segments=video['segments'], labels=video['labels'])
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


class Parity:
    """Tests of one recording, which a fixture ``golden`` gives."""

    @pytest.fixture
    def model(self, golden):
        return build_model(golden)

    @torch.no_grad()
    def test_training_outputs(self, golden, model):
        model.train()
        batch = model.data_preprocessor(
            as_batch(golden['inputs']), training=True)
        cells = model.cells_of(batch['inputs'], batch['data_samples'])
        expected = golden['train']
        assert torch.equal(cells.mask, expected['batched_masks'])
        pyramid = model.backbone(batch['inputs'], cells)
        assert all(map(torch.equal, pyramid.masks, expected['masks']))
        if 'backbone' in expected:
            assert_levels_close(pyramid.feats, expected['backbone'], 1e-4)
        pyramid = model.neck(pyramid)
        if 'neck' in expected:
            assert_levels_close(pyramid.feats, expected['neck'], 1e-4)
        self.check_outputs(model.head(pyramid), expected)

    def test_points_and_targets(self, golden, model):
        expected = golden['train']
        points = model.head.points([len(x) for x in expected['points']], 'cpu')
        ours = torch.cat((points.position[:, None], points.regression_range,
                          points.stride[:, None]), 1)
        assert torch.equal(ours, torch.cat(list(expected['points'])))
        targets = model.head.get_targets(
            [torch.ones(2, 1, len(x)).bool() for x in expected['points']],
            [as_sample(video).gt_instances for video in golden['inputs']])
        for ours, theirs in ((targets.labels, expected['gt_cls']),
                             (targets.offsets, expected['gt_offsets'])):
            assert torch.equal(ours, torch.stack(list(theirs)))

    def test_losses_normalizer_and_gradients(self, golden, model):
        model.train()
        batch = model.data_preprocessor(
            as_batch(golden['inputs']), training=True)
        losses = model(**batch, mode='loss')
        total, _ = model.parse_losses(losses)
        total.backward()
        expected = golden['train']
        assert losses['loss_cls'].item() == pytest.approx(
            expected['losses']['cls_loss'], rel=1e-5)
        # recorded without its weight; one of 0 or less balances the losses
        weight = golden['config']['train_cfg'].get('loss_weight', 1.)
        if weight > 0:
            assert losses['loss_reg'].item() == pytest.approx(
                weight * expected['losses']['reg_loss'], rel=1e-5)
        assert total.item() == pytest.approx(
            expected['losses']['final_loss'], rel=1e-5)
        assert model.head.loss_normalizer.value.item() == pytest.approx(
            expected['loss_normalizer_after'], rel=1e-6)

        parameters = dict(model.named_parameters())
        norms = {convert_key(k): v for k, v in expected['grad_norms'].items()}
        assert norms.keys() == parameters.keys()
        for name, norm in norms.items():
            grad = parameters[name].grad
            assert grad.norm().item() == pytest.approx(
                norm, rel=1e-3, abs=1e-7), name

    @torch.no_grad()
    def test_testing_outputs(self, golden, model):
        model.eval()
        for video, expected in zip(golden['inputs'], golden['eval']):
            batch = model.data_preprocessor(as_batch([video]))
            self.check_outputs(model(**batch, mode='tensor'), expected)

    def test_detections(self, golden, model):
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

        batch = model.test_step(as_batch(videos))  # of different lengths
        for sample, theirs in zip(batch, expected):
            assert_same_detections(sample.pred_instances, theirs)

    def check_outputs(self, outputs, expected):
        """Compare what the head returns with a recording."""
        cls_logits, offsets = outputs
        assert_levels_close(cls_logits, expected['cls_logits'], 1e-4)
        assert_levels_close(offsets, expected['offsets'], 1e-4)
