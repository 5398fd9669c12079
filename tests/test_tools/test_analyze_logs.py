"""Names of our metrics in the tools that read the log of a run."""
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import mmcv
import mmdet
import numpy as np
import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement, InstanceData
from torch.utils.data import Dataset

TOOL = Path(__file__).resolve().parents[2] / 'tools/analysis_tools'
MMDET = Path(mmdet.__file__).parent / '.mim/tools/analysis_tools'
METRICS = ('TADMapMetric', 'TADRecallMetric')


class Videos(Dataset):
    """Four videos with one action each."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        truth = dict(gt_segments=np.array([[1., 3.]]), gt_labels=np.array([0]))
        return dict(
            inputs=torch.ones(1),
            data_samples=BaseDataElement(
                metainfo=dict(video_id=f'v{index}', **truth)))


class Detector(BaseModel):
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


@pytest.fixture(scope='module')
def log(tmp_path_factory):
    """scalars.json of a run of two epochs."""
    path = tmp_path_factory.mktemp('run')
    loader = dict(
        batch_size=2,
        num_workers=0,
        dataset=Videos(),
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='pseudo_collate'))
    Runner(
        model=Detector(),
        work_dir=str(path),
        train_dataloader=loader,
        val_dataloader=loader,
        train_cfg=dict(by_epoch=True, max_epochs=2, val_interval=1),
        val_cfg=dict(),
        val_evaluator=[dict(type=f'dyfadet_mm.{name}') for name in METRICS],
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=1),
            checkpoint=dict(
                type='CheckpointHook', save_best='tad/average_mAP')),
        experiment_name=path.name).train()
    assert (path / 'best_tad_average_mAP_epoch_1.pth').exists()
    return str(next(path.glob('*/vis_data/scalars.json')))


@pytest.fixture
def seaborn(tmp_path):
    """MMDetection's tool sets a style by it, but does not install it."""
    if find_spec('seaborn') is None:
        (tmp_path / 'seaborn.py').write_text('def set_style(style): pass\n')
    return str(tmp_path)


@pytest.mark.parametrize('folder, keys', [
    (TOOL, [
        'tad/average_mAP', 'average_mAP', 'tad/Recall@1x@0.10', 'mAP@0.50',
        'loss', 'time'
    ]),
    (MMDET, ['average_mAP', 'mAP@0.50', 'loss']),
])
def test_logged_names_are_plotted(log, folder, keys, seaborn, tmp_path):
    out = tmp_path / 'new.png'
    done = subprocess.run([
        sys.executable,
        str(folder / 'analyze_logs.py'), 'plot_curve', log, '--keys', *keys,
        '--out',
        str(out)
    ],
                          env=dict(os.environ, PYTHONPATH=seaborn),
                          capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    assert mmcv.imread(str(out)).min() < 128


@pytest.fixture
def tool():
    """The script as a module."""
    sys.path.insert(0, str(TOOL))
    try:
        import analyze_logs
        yield analyze_logs
    finally:
        sys.path.remove(str(TOOL))


def test_values_stand_at_their_iterations(tool, log):
    lines = tool.read_log(log)
    assert tool.values_of(lines, 'tad/average_mAP', log) == ([2, 4], [1, 1])
    assert tool.values_of(lines, 'lr', log) == ([1, 2, 3, 4], [0.1] * 4)
    # that of training only
    assert len(tool.values_of(lines, 'time', log)[0]) == 4


def test_the_time_of_an_iteration_is_printed(tool, log, capsys):
    tool.main(['cal_train_time', log])
    text = capsys.readouterr().out
    assert 'slowest epoch' in text and 'average: 0.' in text


@pytest.mark.parametrize('options, message', [
    (['--keys', 'tad/mAP'], r"--keys must be names logged in .*'tad/mAP'"),
    (['--legend', 'a', 'b'], '--legend must have 1 names, .* but got 2'),
])
def test_errors_are_one_clear_line(tool, log, tmp_path, options, message):
    out = tmp_path / 'curve.png'
    with pytest.raises(SystemExit, match=message):
        tool.main(['plot_curve', log, '--out', str(out), *options])
    assert not out.exists()
    bad = tmp_path / 'notes.json'
    bad.write_text('mine\n')
    with pytest.raises(SystemExit, match="line 1 of .* but got 'mine"):
        tool.main(['cal_train_time', str(bad)])
