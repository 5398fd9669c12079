"""Other programs that show a training, with what this package logs."""
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toy_model import toy_runner

from dyfadet_mm.visualization import MLflowVisBackend

NAMES = ('tad/mAP@0.50', 'tad/average_mAP', 'tad/Recall@1x@0.50')


class StrictMLflow(types.ModuleType):
    """Keeps what MLflow takes, and refuses what MLflow 3.17 refuses."""

    def __init__(self):
        super().__init__('mlflow')
        self.metrics, self.images = {}, []

    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return lambda *args, **kwargs: None

    def log_metrics(self, metrics, step):
        for name, value in metrics.items():
            assert re.fullmatch(r'[/\w.\- :]*', name), name
            self.metrics.setdefault(name, []).append((step, float(value)))

    def log_metric(self, name, value, step):
        self.log_metrics({name: value}, step)

    def log_image(self, image, artifact_file):
        assert Path(artifact_file).suffix in Image.registered_extensions()
        assert image.dtype == np.uint8 and image.ndim == 3
        self.images.append(artifact_file)


def train(folder, max_epochs, backend, resume=False):
    """Train with one more backend, by its name, and pictures of a video."""
    runner = toy_runner(
        folder,
        max_epochs, ('TADMapMetric', 'TADRecallMetric'),
        resume=resume,
        cfg=dict(work_dir=str(folder)),
        default_scope='dyfadet_mm',
        custom_hooks=[
            dict(
                type='dyfadet_mm.TADVisualizationHook',
                enable=True,
                max_videos=1)
        ],
        visualizer=dict(
            type='TADVisualizer',
            vis_backends=[dict(type='LocalVisBackend'),
                          dict(type=backend)]))
    runner.train()
    return Path(runner.log_dir, 'vis_data')


def test_mlflow_gets_names_that_it_takes(tmp_path, monkeypatch):
    Image.init()
    mlflow = StrictMLflow()
    monkeypatch.setitem(sys.modules, 'mlflow', mlflow)
    train(tmp_path, 2, 'MLflowVisBackend')
    for name in NAMES:
        assert mlflow.metrics[name.replace('@', '_')] == [(1, 1), (2, 1)]
    assert [step for step, _ in mlflow.metrics['loss']] == [1, 2, 3, 4]
    assert mlflow.images == ['vis_image/v0_1.png', 'vis_image/v0_2.png']
    MLflowVisBackend(str(tmp_path)).add_scalar('AR@5', 0.5, 3)
    assert mlflow.metrics['AR_5'] == [(3, 0.5)]


def test_tensorboard_gets_numbers_and_pictures_of_every_start(tmp_path):
    pytest.importorskip('tensorboard')
    from tensorboard.backend.event_processing.event_accumulator import \
        EventAccumulator
    backend = 'TensorboardVisBackend'
    folders = [train(tmp_path, 1, backend), train(tmp_path, 3, backend, True)]
    scalars, pictures = {name: [] for name in ('loss', *NAMES)}, []
    for folder in dict.fromkeys(folders):  # one, if both began in one second
        events = EventAccumulator(str(folder)).Reload()
        for name, found in scalars.items():
            found += [(each.step, each.value) for each in events.Scalars(name)]
        pictures += [each.step for each in events.Images('v0')]
    assert [step for step, _ in scalars['loss']] == [1, 2, 3, 4, 5, 6]
    for name in NAMES:
        assert scalars[name] == [(1, 1), (2, 1), (3, 1)]
    assert pictures == [1, 2, 3]
