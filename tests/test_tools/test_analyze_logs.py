"""Names of our metrics in the tools that read the log of a run."""
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import mmcv
import mmdet
import pytest
from toy_model import toy_runner

TOOL = Path(__file__).resolve().parents[2] / 'tools/analysis_tools'
MMDET = Path(mmdet.__file__).parent / '.mim/tools/analysis_tools'
METRICS = ('TADMapMetric', 'TADRecallMetric')


@pytest.fixture(scope='module')
def log(tmp_path_factory):
    """scalars.json of a run of two epochs."""
    path = tmp_path_factory.mktemp('run')
    toy_runner(path, 2, METRICS).train()
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
    lines = tool.read_run(log)
    assert tool.values_of(lines, 'tad/average_mAP', log) == ([2, 4], [1, 1])
    assert tool.values_of(lines, 'lr', log) == ([1, 2, 3, 4], [0.1] * 4)
    # that of training only
    assert len(tool.values_of(lines, 'time', log)[0]) == 4


def write_part(work_dir, name, *lines, end=''):
    """Write the log of one part of a run."""
    path = work_dir / name / 'vis_data/scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text(''.join(f'{json.dumps(line)}\n' for line in lines) + end)


def training(iteration, loss=1., time=1., epoch=None):
    """A line of a training with epochs of two iterations."""
    return dict(
        loss=loss,
        time=time,
        epoch=epoch or (iteration + 1) // 2,
        iter=iteration,
        step=iteration)


def validation(epoch, **values):
    """A line of a validation."""
    named = {f'tad/{name}': value for name, value in values.items()}
    return dict(named, data_time=9., time=9., step=epoch)


@pytest.fixture
def resumed(tmp_path):
    """A run of three epochs that was killed twice."""
    path = tmp_path / 'resumed'
    # killed in the second epoch, while it wrote
    write_part(
        path,
        '20260101_000000',
        training(1),
        training(2, time=5.),
        validation(1, mAP=0.3, AR=0.6),
        training(3, loss=50.),
        end='{"loss": 51')
    # killed after the validation of the second epoch, before it was saved
    write_part(path, '20260102_000000', training(3), training(4, time=2.), {
        'gates/depth': 1.,
        'step': 4
    }, validation(2, mAP=0.9, AR=0.1))
    # killed before it logged anything, and a validation by itself
    write_part(path, '20260103_000000')
    write_part(path, '20260104_000000', validation(0, mAP=1., AR=1.))
    # which makes up for the validation
    write_part(path, '20260105_000000', validation(2, mAP=0.5, AR=0.2),
               training(5), training(6, time=6.),
               validation(3, mAP=0.4, AR=float('nan')))
    return str(path)


def test_parts_of_a_resumed_run_are_put_together(tool, resumed, capsys):
    lines = tool.read_run(resumed)
    assert 'scalars.json is cut short' in capsys.readouterr().err
    assert tool.values_of(lines, 'loss', '') == ([*range(1, 7)], [1] * 6)
    assert tool.values_of(lines, 'mAP', '') == ([2, 4, 6], [0.3, 0.5, 0.4])


def test_best_epochs_are_named(tool, resumed, log, capsys):
    tool.main(['best_epochs', resumed, log])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        f'{resumed}: 3 validations',
        'tad/mAP: 0.5000 after epoch 2 (iteration 4), last 0.4000',
        'tad/AR: 0.6000 after epoch 1 (iteration 2), last 0.2000'
    ]
    assert 'tad/average_mAP: 1.0000 after epoch 1 (iteration 2), last 1.0000' \
        in lines[3:]


def test_the_time_of_an_iteration_is_printed(tool, resumed, log, capsys):
    tool.main(['cal_train_time', resumed])
    assert capsys.readouterr().out.splitlines() == [
        resumed, 'slowest epoch 3: 6.0000 s/iter',
        'fastest epoch 2: 2.0000 s/iter',
        'standard deviation over epochs: 1.6997 s/iter',
        'average: 4.3333 s/iter'
    ]
    tool.main(['cal_train_time', resumed, '--include-outliers'])
    assert 'average: 2.6667 s/iter' in capsys.readouterr().out
    tool.main(['cal_train_time', log])
    assert 'average: 0.' in capsys.readouterr().out


def test_names_with_their_mode_are_understood(tool, tmp_path, capsys):
    write_part(tmp_path, 'a', {
        'train/loss': 2.,
        'train/time': 3.,
        'epoch': 1,
        'iter': 1,
        'step': 1
    }, {
        'val/tad/mAP': 0.5,
        'val/data_time': 9.,
        'val/time': 9.,
        'step': 1
    })
    run = str(tmp_path)
    assert tool.values_of(tool.read_run(run), 'tad/mAP', '') == ([1], [0.5])
    tool.main(['cal_train_time', run])
    tool.main(['best_epochs', run])
    text = capsys.readouterr().out
    assert 'average: 3.0000 s/iter' in text
    assert 'val/tad/mAP: 0.5000 after epoch 1 ' in text
    assert 'val/time' not in text


@pytest.mark.parametrize('options, message', [
    (['--keys', 'tad/mAP'], r"--keys must be names logged in .*'tad/mAP'"),
    (['--legend', 'a', 'b'], '--legend must have 1 names, .* but got 2'),
])
def test_errors_are_one_clear_line(tool, log, tmp_path, options, message):
    out = tmp_path / 'curve.png'
    with pytest.raises(SystemExit, match=message):
        tool.main(['plot_curve', log, '--out', str(out), *options])
    assert not out.exists()


@pytest.mark.parametrize('content, message', [
    ('mine\n', "line 1 of .* but got 'mine"),
    ('[1]\n{}\n', r"line 1 of .* but got '\[1\]'"),
    ('', 'with what a training logged, but got none'),
    ('{"los', 'with what a training logged, but got none'),
    ('{"loss": 1.0, "iter": 1, "step": 1}\n', 'must have a validation'),
])
def test_other_files_are_refused(tool, tmp_path, content, message):
    path = tmp_path / 'scalars.json'
    path.write_text(content)
    with pytest.raises(SystemExit, match=message):
        tool.main(['best_epochs', str(path)])


def test_a_folder_without_logs_is_refused(tool, tmp_path):
    with pytest.raises(SystemExit, match='must be a work directory'):
        tool.main(['cal_train_time', str(tmp_path)])
