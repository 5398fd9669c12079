"""Videos without annotated actions: detections, but no plausible zeros."""
import json

import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.model import BaseModel
from mmengine.runner import Runner
from test_tad_map_metric import sample

METRICS = ('TADMapMetric', 'TADProposalMetric', 'TADRecallMetric')


def config(name, **kwargs):
    return dict(type=f'dyfadet_mm.{name}', **kwargs)


# one that is empty is dropped before it is scored
@pytest.mark.parametrize(
    'name, truth',
    [*((name, []) for name in METRICS), ('TADMapMetric', [(3, 3, 1)])])
def test_there_is_no_metric_and_one_warning(name, truth, log):
    evaluator = Evaluator(config(name))
    evaluator.process([sample('v', truth, [(1, 4, 0.5, 2)])])
    assert evaluator.evaluate(1) == {}
    assert [r.getMessage() for r in log.records
            if r.levelname == 'WARNING'] == [
                f'{name} reports nothing: none of the 1 evaluated videos '
                'has an annotated action'
            ]


class Detector(BaseModel):
    """Hands its samples through, detections included."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, samples, mode):
        if mode == 'loss':
            return dict(loss=self.weight.sum())
        return samples


def make_runner(path, truth):
    """One video; saves the best checkpoint, writes detections."""
    loader = dict(
        batch_size=1,
        num_workers=0,
        dataset=[dict(samples=sample('v', truth, [(1, 4, 0.5, 2)]))],
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='pseudo_collate'))
    metrics = [
        config('TADMapMetric', out_file=str(path / 'out.json')),
        config('TADRecallMetric')
    ]
    return Runner(
        model=Detector(),
        work_dir=str(path),
        train_dataloader=loader,
        val_dataloader=loader,
        test_dataloader=loader,
        train_cfg=dict(by_epoch=True, max_epochs=1),
        val_cfg=dict(),
        test_cfg=dict(),
        val_evaluator=metrics,
        test_evaluator=metrics,
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        default_hooks=dict(
            checkpoint=dict(
                type='CheckpointHook', save_best='tad/average_mAP')),
        experiment_name=path.name)


@pytest.mark.parametrize('truth, metrics', [([], 0), ([(1, 4, 2)], 18)])
def test_a_runner_goes_on_without_metrics(tmp_path, truth, metrics):
    runner = make_runner(tmp_path, truth)
    runner.train()
    assert bool(list(tmp_path.glob('best_*'))) == bool(metrics)
    assert len(runner.val()) == len(runner.test()) == metrics
    results = json.loads((tmp_path / 'out.json').read_text())['results']
    assert len(results['v']) == 1
