"""A training of a few milliseconds that saves and resumes as recipes do."""
import os
from itertools import count

import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.runner import Runner
from torch.utils.data import DataLoader
from toy_model import ToyModel

_count = count()


class Growth(BaseMetric):
    """Better in every epoch."""

    def process(self, data_batch, data_samples):
        self.results += data_samples

    def compute_metrics(self, results):
        return dict(growth=results[0])


class Data(list):
    metainfo = dict(classes=('jump', ))


class ValidatedModel(ToyModel):
    """Draws random numbers, as drop path does, and counts its trainings."""

    def __init__(self):
        super().__init__()
        self.register_buffer('count', torch.zeros(()))

    def forward(self, inputs, mode='tensor'):
        if mode == 'predict':
            return [self.count.item()]
        self.count += 1
        return super().forward(inputs + torch.randn(2), mode)


def make_runner(work_dir, max_epochs=2, resume=True, by_epoch=True, **kwargs):
    """A training of a millisecond that saves as the recipes do."""
    torch.manual_seed(0)
    # MMEngine waits for 2 seconds where iterations reach the end of the data
    num_samples = 4 if by_epoch else 4 * max_epochs
    data = Data(dict(inputs=torch.randn(2)) for _ in range(num_samples))
    loops = dict(by_epoch=True, max_epochs=max_epochs)
    if not by_epoch:
        loops = dict(by_epoch=False, max_iters=4 * max_epochs, val_interval=4)
    options = dict(
        cfg=Config(dict(train_dataloader=dict())),
        work_dir=str(work_dir),
        train_dataloader=DataLoader(data, batch_size=1),
        val_dataloader=DataLoader(data, batch_size=num_samples),
        train_cfg=loops,
        val_cfg=dict(),
        val_evaluator=[Growth()],
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.1)),
        param_scheduler=dict(type='LinearLR', begin=0, end=3),
        custom_hooks=[
            dict(type='EMAHook', momentum=0.3),
            dict(type='dyfadet_mm.SetEpochHook')
        ],
        default_hooks=dict(
            checkpoint=dict(
                type='dyfadet_mm.TADCheckpointHook',
                by_epoch=by_epoch,
                interval=1 if by_epoch else 4,
                max_keep_ckpts=1,
                save_best='growth',
                rule='greater')),
        experiment_name=f'{work_dir.name}-{os.getpid()}-{next(_count)}',
        randomness=dict(seed=1),
        resume=resume,
        log_level='ERROR')
    options.update(kwargs)
    return Runner(ValidatedModel(), **options)


def train(work_dir, **kwargs):
    make_runner(work_dir, **kwargs).train()
