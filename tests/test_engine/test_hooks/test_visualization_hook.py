import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from torch.utils.data import Dataset

from dyfadet_mm.engine.hooks.visualization_hook import TADVisualizationHook


class Videos(Dataset):
    """Six videos."""

    def __getitem__(self, index):
        metainfo = dict(video_id=f'v/{index}', duration=9.)
        return dict(
            inputs=torch.zeros(1),
            data_samples=ActionDataSample(metainfo=metainfo))

    def __len__(self):
        return 6


class Detector(BaseModel):
    """Finds the same action in every video."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, inputs, data_samples, mode):
        if mode == 'loss':
            return dict(loss=self.weight.sum())
        for data_sample in data_samples:
            data_sample.pred_instances = InstanceData(
                segments=torch.tensor([[1., 3.]]),
                scores=torch.tensor([0.5]),
                labels=torch.tensor([0]))
        return data_samples


class Count(BaseMetric):
    """Counts the videos."""

    default_prefix = 'count'

    def process(self, data_batch, data_samples):
        self.results += data_samples

    def compute_metrics(self, results):
        return dict(videos=len(results))


@pytest.fixture
def run(tmp_path):
    """Run a stage with the hook; returns the names of all images."""

    def _run(stage, visualizer='dyfadet_mm.TADVisualizer', **hook):
        loader = dict(
            batch_size=3,
            dataset=Videos(),
            sampler=dict(type='DefaultSampler', shuffle=False),
            collate_fn=dict(type='pseudo_collate'))
        runner = Runner(
            model=Detector(),
            work_dir=str(tmp_path),
            train_dataloader=loader,
            val_dataloader=loader,
            test_dataloader=loader,
            train_cfg=dict(by_epoch=True, max_epochs=2),
            val_cfg=dict(),
            test_cfg=dict(),
            val_evaluator=[Count()],
            test_evaluator=[Count()],
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
            visualizer=dict(
                type=visualizer, vis_backends=[dict(type='LocalVisBackend')]),
            custom_hooks=[TADVisualizationHook(**hook)],
            experiment_name=str(tmp_path))
        getattr(runner, stage)()
        return sorted(path.name for path in tmp_path.rglob('*.png'))

    return _run


def test_nothing_is_drawn_unless_enabled(run):
    assert run('test') == []


def test_every_second_video_is_drawn(run):
    # across the batches of three
    assert run(
        'test', enable=True,
        interval=2) == ['v_0_0.png', 'v_2_0.png', 'v_4_0.png']


def test_out_dir_gets_no_more_than_max_videos(run, tmp_path):
    out_dir = tmp_path / 'drawn'
    run('test', enable=True, max_videos=2, out_dir=str(out_dir))
    assert sorted(p.name
                  for p in out_dir.iterdir()) == ['v_0_0.png', 'v_1_0.png']


def test_every_validation_draws_under_its_epoch(run):
    assert run(
        'train', enable=True, max_videos=1) == ['v_0_1.png', 'v_0_2.png']


def test_options_reach_the_visualizer(run):
    with pytest.raises(TypeError, match='unknown_option'):
        run('test', enable=True, unknown_option=1)


def test_another_visualizer_is_refused(run):
    with pytest.raises(TypeError, match='visualizer must be a TADVisualizer'):
        run('test', enable=True, visualizer='mmengine.Visualizer')


@pytest.mark.parametrize('name', ['interval', 'max_videos'])
def test_counts_below_1_are_refused(name):
    with pytest.raises(ValueError, match=f'{name} must be at least 1'):
        TADVisualizationHook(**{name: 0})
