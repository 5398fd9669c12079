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
    """Six videos, or those of some ids."""

    def __init__(self, ids=None):
        self.ids = ids or [f'v/{index}' for index in range(6)]

    def __getitem__(self, index):
        metainfo = dict(video_id=self.ids[index], duration=9.)
        return dict(
            inputs=torch.zeros(1),
            data_samples=ActionDataSample(metainfo=metainfo))

    def __len__(self):
        return len(self.ids)


class Detector(BaseModel):
    """Finds the same action in every video; none in those that are bad."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, inputs, data_samples, mode):
        if mode == 'loss':
            return dict(loss=self.weight.sum())
        for data_sample in data_samples:
            data_sample.pred_instances = InstanceData(
                segments=torch.tensor([[1., 3.]])
                if 'bad' not in data_sample.video_id else torch.zeros(1, 3),
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

    def _run(stage, visualizer='dyfadet_mm.TADVisualizer', ids=None, **hook):
        loader = dict(
            batch_size=3,
            dataset=Videos(ids),
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
        metrics = getattr(runner, stage)()
        if stage == 'test':
            assert metrics == {'count/videos': len(ids or range(6))}
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


@pytest.mark.parametrize(
    'name', ['unknown_option', 'image', 'data_sample', 'step', 'out_file'])
def test_options_that_the_visualizer_cannot_get_are_refused(run, name):
    with pytest.raises(TypeError, match=f"but got .'{name}'.; remove"):
        run('test', enable=True, **{name: 1})


def test_a_video_that_cannot_be_drawn_does_not_end_the_run(run, capfd):
    # the metric is there, see run()
    assert run(
        'test', enable=True, ids=['a', 'bad/1',
                                  'b']) == ['a_0.png', 'b_0.png']
    log = ''.join(capfd.readouterr())
    assert log.count("video 'bad/1' is not drawn: ValueError: ") == 1


def test_ids_with_the_same_plain_name_have_images_of_their_own(run):
    ids = ['a/b', 'a_b', 'A b', 'x' * 300, 'x' * 299, '\u8df3/\u9ad8']
    assert run(
        'train', enable=True,
        ids=ids) == sorted(f'{name}_{step}.png' for step in (1, 2)
                           for name in ('a_b', 'a_b-2', 'A_b-3', 'x' * 200,
                                        'x' * 200 + '-2', '\u8df3_\u9ad8'))


def test_another_visualizer_is_refused(run):
    with pytest.raises(TypeError, match='visualizer must be a TADVisualizer'):
        run('test', enable=True, visualizer='mmengine.Visualizer')


@pytest.mark.parametrize('name', ['interval', 'max_videos'])
def test_counts_below_1_are_refused(name):
    with pytest.raises(ValueError, match=f'{name} must be at least 1'):
        TADVisualizationHook(**{name: 0})
