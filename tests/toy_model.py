import numpy as np
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement, InstanceData
from torch.utils.data import Dataset


class ToyModel(BaseModel):
    """Fits a line."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, inputs, mode='tensor'):
        return dict(loss=self.layer(inputs).pow(2).mean())


class ToyVideos(Dataset):
    """Four videos with one action each."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        truth = dict(gt_segments=np.array([[1., 3.]]), gt_labels=np.array([0]))
        return dict(
            inputs=torch.ones(1),
            data_samples=BaseDataElement(
                metainfo=dict(video_id=f'v{index}', **truth)))


class ToyDetector(BaseModel):
    """Finds every action."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, inputs, data_samples, mode):
        if mode == 'loss':
            return dict(loss=self.weight.sum())
        for sample in data_samples:
            sample.pred_instances = InstanceData(
                segments=torch.tensor([[1., 3.]]),
                scores=torch.tensor([0.5]),
                labels=torch.tensor([0]))
        return data_samples


def toy_runner(folder, max_epochs, metrics=('TADMapMetric', ), **kwargs):
    """A training of the detector: two iterations and a validation per epoch.

    Args:
        folder (Path): The work directory.
        max_epochs (int): Epochs.
        metrics (Sequence[str]): Metrics of this package.
        kwargs: Other arguments of the runner.

    Returns:
        Runner: The runner.
    """
    loader = dict(
        batch_size=2,
        num_workers=0,
        dataset=ToyVideos(),
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='pseudo_collate'))
    return Runner(
        model=ToyDetector(),
        work_dir=str(folder),
        train_dataloader=loader,
        val_dataloader=loader,
        train_cfg=dict(by_epoch=True, max_epochs=max_epochs, val_interval=1),
        val_cfg=dict(),
        val_evaluator=[dict(type=f'dyfadet_mm.{name}') for name in metrics],
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=1),
            checkpoint=dict(
                type='CheckpointHook', save_best='tad/average_mAP')),
        experiment_name=f'{folder.name}-{max_epochs}',
        **kwargs)
