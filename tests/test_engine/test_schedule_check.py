"""The learning rates of a config are those that a runner trains with."""
import re

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner

from dyfadet_mm.engine.schedule_check import (check_schedule, learning_rates,
                                              peak_rate)


def warmup(end, total, **kwargs):
    """Warm-up and cosine of our recipes, in epochs."""
    kwargs = dict(convert_to_iter_based=True, **kwargs)
    return [
        dict(type='LinearLR', start_factor=1e-8, begin=0, end=end, **kwargs),
        dict(
            type='CosineAnnealingLR',
            eta_min=1e-8,
            begin=end,
            end=total,
            **kwargs)
    ]


class Toy(BaseModel):
    """One weight."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, inputs, mode):
        return dict(loss=self.weight.sum())


class Recorder(Hook):
    """Keep the learning rate of every iteration."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.rates.append(runner.optim_wrapper.get_lr()['lr'][0])


EPOCHS = dict(by_epoch=True, max_epochs=4)
ITERS = dict(by_epoch=False, max_iters=9)


@pytest.mark.parametrize('loop, schedulers', [
    (EPOCHS, None),
    (EPOCHS, warmup(1, 4)),
    (EPOCHS, dict(type='MultiStepLR', milestones=[2, 3])),
    (EPOCHS, [dict(type='LinearLR', start_factor=0.1, end=2),
              dict(type='ConstantMomentum', factor=0.5, end=1)]),
    (EPOCHS, dict(type='OneCycleLR', eta_max=1., total_steps=4,
                  convert_to_iter_based=True)),
    (ITERS, warmup(1, 3)),
    (ITERS, dict(type='LinearLR', start_factor=0.1, end=2)),
    (ITERS, dict(type='PolyLR', by_epoch=False)),
])  # yapf: disable
def test_rates_are_those_of_a_runner(tmp_path, loop, schedulers):
    recorder = Recorder()
    recorder.rates = []
    Runner(
        Toy(),
        str(tmp_path),
        train_dataloader=dict(
            dataset=[dict(inputs=0)] * 5,
            sampler=dict(type='DefaultSampler', shuffle=False),
            batch_size=2),
        train_cfg=dict(loop),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9)),
        param_scheduler=schedulers,
        default_hooks=dict(checkpoint=None, logger=None),
        custom_hooks=[recorder],
        default_scope='mmengine').train()
    lengths = {k: v for k, v in loop.items() if k != 'by_epoch'}
    assert recorder.rates == pytest.approx(
        list(learning_rates(schedulers, 0.1, 3, **lengths)))
    assert peak_rate(schedulers, 0.1, 3, **lengths) == max(recorder.rates)


def config(loop=None, schedulers=None, hook=None, **kwargs):
    """A config of whose parts the check reads some."""
    return Config(
        dict(
            train_cfg=loop or dict(max_epochs=10),
            train_dataloader=dict(batch_size=2),
            val_dataloader=dict(batch_size=1),
            optim_wrapper=dict(optimizer=dict(lr=1e-3)),
            param_scheduler=schedulers,
            custom_hooks=hook and [dict(type='EMAHook', **hook)],
            **kwargs))


@pytest.mark.parametrize('cfg, epoch_length, severity, message', [
    (config(schedulers=warmup(1, 10)), 1, 'error',
     r'must rise above 1 % of .*lr=0.001, but is at most 9.7e-09 in all 10'),
    (config(schedulers=dict(type='LinearLR', start_factor=0.01, end=50)), 9,
     'warning', 'must reach the value of .* at most 0.00019 in all 90'),
    (config(schedulers=warmup(20, 10)), 9, 'error', 'must end before'),
    (config(dict(max_iters=900), dict(type='LinearLR', start_factor=1e-3,
                                      end=5)), 9, 'error', 'all 900 iter'),
    (config(hook=dict(momentum=1e-3)), 9, 'warning',
     'about 1000 updates, and the training has 90: 91 % .* momentum=0.1 '),
    (config(hook=dict(momentum=0.01, begin_epoch=5)), 9, 'warning', 'has 45'),
    (config(hook=dict(momentum=0.01, interval=2)), 10, 'warning', 'has 50'),
    (config(dict(max_epochs=10, val_begin=20)), 9, 'warning',
     'at most the 10 epochs of the training, but got 20'),
    (config(dict(max_iters=99, val_begin=100)), 9, 'warning', '99 iterations'),
])  # yapf: disable
def test_what_cannot_go_well_is_told(cfg, epoch_length, severity, message):
    problem, = check_schedule(cfg, epoch_length)
    assert problem.severity == severity
    assert re.search(message, problem.message)


@pytest.mark.parametrize('cfg', [
    config(),
    config(schedulers=warmup(1, 10)),
    config(schedulers=warmup(9, 10)),
    config(schedulers=dict(type='ConstantLR', factor=0.3, end=99)),
    config(schedulers=dict(type='OneCycleLR', eta_max=1e-4, total_steps=10,
                           convert_to_iter_based=True)),
    config(hook=dict(momentum=0.05)),
    config(hook=dict(ema_type='StochasticWeightAverage')),
    config(dict(max_epochs=10, val_begin=10, val_interval=99)),
    Config(dict(test_cfg=dict())),
])  # yapf: disable
def test_what_goes_well_is_left_alone(cfg):
    assert check_schedule(cfg, 9) == []
