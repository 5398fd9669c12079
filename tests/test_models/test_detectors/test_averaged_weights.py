"""MMEngine's average of the weights in a runner, against a fresh model."""
import copy
import importlib

import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.runner import Runner
from small_detector import (assert_same_detections, make_batch, make_model,
                            make_video)


def videos():
    return make_batch(make_video(12), make_video(7))


class Keep(BaseMetric):
    """Keeps the detections of the last epoch."""

    def process(self, data_batch, data_samples):
        self.results += [each['pred_instances'] for each in data_samples]

    def compute_metrics(self, results):
        self.found = results
        return dict(num=len(results))


class Predict(Hook):
    """Predicts with the weights of the training, before they are swapped."""
    priority = 'VERY_HIGH'

    @torch.no_grad()
    def before_val_epoch(self, runner):
        runner.model.eval()
        samples = runner.model.test_step(videos())
        self.found = [each.pred_instances for each in samples]


class Note(Hook):
    """Notes the weights that are validated, epoch by epoch."""
    priority = 'LOWEST'

    def __init__(self):
        self.states = []

    def before_val_epoch(self, runner):
        self.states.append(copy.deepcopy(runner.model.state_dict()))


@pytest.mark.parametrize('minimal', [False, True])
def test_validation_uses_the_averaged_weights(minimal, tmp_path, monkeypatch):
    """The average is swapped in behind the back of the parameters."""
    if minimal:
        module = importlib.import_module('dyfadet_mm.ops.conv1d')
        monkeypatch.setattr(module, 'MIN_CHANNELS', 1)
    model, metric, note, predict = make_model(), Keep(), Note(), Predict()
    model.init_weights()
    with torch.no_grad():
        for name, param in model.head.named_parameters():
            if name.endswith('gamma') or 'gate' in name:
                param.fill_(1.)  # all parts of the towers count
    loader = dict(
        dataset=[
            dict(inputs=feats, data_samples=sample)
            for feats, sample in zip(*videos().values())
        ],
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='pseudo_collate'),
        batch_size=2,
        num_workers=0)
    runner = Runner(
        model=model,
        work_dir=str(tmp_path),
        train_dataloader=loader,
        val_dataloader=loader,
        train_cfg=dict(by_epoch=True, max_epochs=2, val_interval=1),
        val_cfg=dict(),
        val_evaluator=[metric],
        optim_wrapper=dict(
            type='OptimWrapper', optimizer=dict(type='AdamW', lr=0.01)),
        default_hooks=dict(checkpoint=None, logger=None),
        custom_hooks=[
            dict(
                type='EMAHook',
                ema_type='ExponentialMovingAverage',
                momentum=0.5), predict, note
        ],
        log_level='ERROR',
        default_scope='mmengine',
        experiment_name=str(tmp_path))
    runner.train()
    assert len(note.states) == 2
    for state in note.states:
        assert any(not torch.equal(x, y)
                   for x, y in zip(state.values(),
                                   runner.model.state_dict().values()))
    fresh = make_model()
    fresh.load_state_dict(note.states[-1])
    expected = fresh.test_step(videos())
    assert len(metric.found) == 2
    for ours, theirs, trained in zip(metric.found, expected, predict.found):
        assert len(ours['scores']) > 5
        assert_same_detections(ours, theirs.pred_instances)
        best = slice(0, 5)
        assert not torch.allclose(ours['scores'][best], trained.scores[best])
