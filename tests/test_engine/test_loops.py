import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.utils.data import TensorDataset


class Model(BaseModel):
    """One weight."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, numbers, mode):
        return dict(loss=(self.weight * numbers).sum())


@pytest.fixture
def make(tmp_path):
    """A runner with so many numbers, two in a batch."""

    def _make(count, **kwargs):
        loader = dict(
            batch_size=2,
            drop_last=True,
            num_workers=0,
            dataset=TensorDataset(torch.arange(float(count))),
            sampler=dict(type='DefaultSampler', shuffle=False),
            collate_fn=dict(type='default_collate'))
        loader.update(kwargs)
        return Runner(
            model=Model(),
            work_dir=str(tmp_path),
            train_dataloader=loader,
            train_cfg=dict(type='dyfadet_mm.TADTrainLoop', max_epochs=2),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=1e-3)),
            # the schedule that MMEngine fails on before any hook runs
            param_scheduler=dict(
                type='LinearLR', end=1, convert_to_iter_based=True),
            experiment_name=str(tmp_path))

    return _make


def test_it_trains_as_the_loop_by_epochs_does(make):
    runner = make(5)
    runner.train()
    assert isinstance(runner.train_loop, EpochBasedTrainLoop)
    assert (runner.epoch, runner.iter) == (2, 4)


def test_few_samples_are_refused_with_the_remedy(make):
    with pytest.raises(
            ValueError,
            match='at least one batch, but got 1 samples for batch_size=2 and '
            'drop_last=True; set train_dataloader.batch_size=1 or '):
        make(1).train()
    runner = make(1, drop_last=False)
    runner.train()
    assert runner.iter == 2


def test_no_samples_are_refused(make):
    with pytest.raises(ValueError, match='got 0 samples .* check ann_file'):
        make(0, sampler=dict(type='mmengine.DefaultSampler')).train()
