import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from torch import nn


class ToyDataset(BaseDataset):
    """Four numbers; remembers the epochs and the seeds it was told."""

    METAINFO = dict(classes=('hop', 'jump', 'run'))

    def __init__(self, class_agnostic=False, numbers=range(4), **kwargs):
        self.class_agnostic = class_agnostic
        self.numbers = numbers
        self.told = []
        super().__init__(**kwargs)

    def load_data_list(self):
        return [
            dict(number=float(number), video_id=f'v{i}')
            for i, number in enumerate(self.numbers)
        ]

    def prepare_data(self, idx):
        info = self.get_data_info(idx)
        return dict(
            inputs=torch.ones(2) * info['number'],
            data_samples=BaseDataElement(
                metainfo=dict(video_id=info['video_id'])))

    def set_epoch(self, epoch, seed=None):
        self.told.append((epoch, seed))


class ToyModel(BaseModel):
    """A linear layer beside a head with ``num_classes``."""

    def __init__(self, num_classes):
        super().__init__()
        self.head = nn.Linear(2, num_classes or 1)
        if num_classes is not None:
            self.head.num_classes = num_classes

    def forward(self, inputs, data_samples=None, mode='tensor'):
        if isinstance(inputs, list):
            inputs = torch.stack(inputs)
        out = self.head(inputs).sum()
        return dict(loss=out**2) if mode == 'loss' else [out]


class ToyMetric(BaseMetric):
    """Counts the batches."""

    def process(self, data_batch, data_samples):
        self.results.append(len(data_samples))

    def compute_metrics(self, results):
        return dict(count=len(results))


def _loader(dataset, num_workers=0):
    return dict(
        batch_size=2,
        num_workers=num_workers,
        drop_last=True,
        dataset=dataset,
        sampler=dict(type='DefaultSampler', shuffle=False))


@pytest.fixture
def make_runner(tmp_path):
    """Make a runner of two iterations per epoch around a toy model."""
    count = iter(range(100))

    def _make(dataset,
              hooks,
              num_classes=3,
              val_dataset=None,
              num_workers=0,
              **kwargs):
        val = {}
        if val_dataset is not None:
            val = dict(
                val_dataloader=_loader(val_dataset),
                val_cfg=dict(),
                val_evaluator=[ToyMetric()],
                test_dataloader=_loader(val_dataset),
                test_cfg=dict(),
                test_evaluator=[ToyMetric()])
        options = dict(
            train_cfg=dict(by_epoch=True, max_epochs=2, val_interval=1),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=1e-3)))
        options.update(kwargs)
        # what Runner.from_cfg hands on, without objects
        described = dict(
            copy.deepcopy(options),
            custom_hooks=copy.deepcopy(hooks),
            train_dataloader=dict(batch_size=2, drop_last=True),
            val_dataloader=dict() if val_dataset is None else dict(
                batch_size=2))
        return Runner(
            cfg=Config(described),
            model=ToyModel(num_classes),
            work_dir=str(tmp_path),
            train_dataloader=_loader(dataset, num_workers),
            custom_hooks=hooks,
            randomness=dict(seed=5),
            experiment_name=f'{tmp_path.name}_{next(count)}',
            **val,
            **options)

    return _make


@pytest.fixture
def make_data():
    """Make a toy dataset."""
    return ToyDataset
