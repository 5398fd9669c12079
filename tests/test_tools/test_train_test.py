"""The training and test scripts on the demo, two iterations long."""
import importlib.util
import json
import os
import pickle
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import warm_python
from mmengine.config import Config

from dyfadet_mm.fileio import load_raw_predictions

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / 'tools'
# the Makefile names the demo's config
CONFIG = ROOT / re.search(r'^DEMO_CONFIG := (.+)$',
                          (ROOT / 'Makefile').read_text(), re.M)[1]
NUM_VAL = 3
# one epoch of two iterations, in one process
TINY = [
    'train_cfg.max_epochs=1', 'train_cfg.val_interval=1',
    'train_dataloader.num_workers=0', 'val_dataloader.num_workers=0',
    'test_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
    'val_dataloader.persistent_workers=False',
    'test_dataloader.persistent_workers=False'
]


def load_tool(name):
    """Import a script, which is in no package."""
    spec = importlib.util.spec_from_file_location(f'tool_{name}',
                                                  TOOLS / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(cwd, *command, **env):
    """Run a command that may fail."""
    env = dict(
        os.environ,
        OMP_NUM_THREADS='1',
        PYTHONPATH=str(ROOT),
        PYTHONWARNINGS='ignore',
        PATH=warm_python.search_path(),
        **env)
    return subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True)


def run_tool(cwd, name, *args, options=(), python=None):
    """Run a script on the demo's config."""
    return run(cwd, python or sys.executable, TOOLS / f'{name}.py', CONFIG,
               *args, '--cfg-options', *TINY, *options)


def last_line(done):
    """The line in which a failed command says why."""
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stderr.strip().splitlines()[-1]


def check(done):
    """The command has to succeed."""
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]


def free_port():
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return str(sock.getsockname()[1])


def video_ids(path):
    """Videos in a predictions file, in the order of the file."""
    return list(json.loads(Path(path).read_text())['results'])


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A folder with a tiny data set."""
    path = tmp_path_factory.mktemp('demo')
    check(
        run(path, sys.executable,
            TOOLS / 'dataset_converters/digit_streams.py', '--train=16',
            f'--val={NUM_VAL}', '--min-cells=40', '--max-cells=60',
            '--out=data/digit_streams'))
    return path


@pytest.fixture(scope='module')
def trained(folder):
    """The folder after one epoch in work directory ``run``."""
    check(run_tool(folder, 'train', '--work-dir=run', '--seed=3'))
    return folder


def test_training_leaves_checkpoint_and_config(trained):
    checkpoint = torch.load(trained / 'run/epoch_1.pth', weights_only=True)
    assert checkpoint['meta']['iter'] == 2
    cfg = Config.fromfile(trained / 'run' / CONFIG.name)
    assert cfg.randomness.seed == 3 and cfg.work_dir == 'run'


def test_checkpoints_are_never_overwritten(trained):
    before = (trained / 'run/epoch_1.pth').read_bytes()
    line = last_line(run_tool(trained, 'train', '--work-dir=run'))
    assert line.startswith('FileExistsError: work_dir must hold no checkpoint')
    assert "'run'" in line and '--resume' in line and '--work-dir' in line
    assert (trained / 'run/epoch_1.pth').read_bytes() == before


def test_resuming_goes_on_from_the_latest_checkpoint(trained):
    done = run_tool(
        trained,
        'train',
        '--work-dir=run',
        '--resume',
        options=['train_cfg.max_epochs=2'])
    check(done)
    checkpoint = torch.load(trained / 'run/epoch_2.pth', weights_only=True)
    assert checkpoint['meta']['iter'] == 4
    assert 'Epoch(train) [1]' not in done.stdout


def test_resuming_goes_on_from_a_path(trained):
    checkpoint = next((trained / 'run').glob('epoch_*.pth'))
    check(
        run_tool(
            trained,
            'train',
            '--work-dir=other',
            '--resume',
            checkpoint,
            '--no-validate',
            options=['train_cfg.max_epochs=3']))
    latest = torch.load(trained / 'other/epoch_3.pth', weights_only=True)
    assert latest['meta']['iter'] == 6


def test_testing_writes_all_it_is_asked_for(trained):
    checkpoint = next((trained / 'run').glob('epoch_*.pth'))
    done = run_tool(
        trained,
        'test',
        checkpoint,
        '--work-dir=run',
        '--out=out/predictions.json',
        '--dump=out/results.pkl',
        '--show-dir=timelines',
        python=warm_python.TRUE_PYTHON)
    check(done)
    assert 'average_mAP' in done.stdout
    assert len(video_ids(trained / 'out/predictions.json')) == NUM_VAL
    assert len(list((trained / 'timelines').rglob('*.png'))) == NUM_VAL
    with open(trained / 'out/results.pkl', 'rb') as file:
        assert len(pickle.load(file)) == NUM_VAL


def test_weights_that_do_not_fit_are_an_error(trained):
    checkpoint = next((trained / 'run').glob('epoch_*.pth'))
    done = run_tool(
        trained, 'test', checkpoint, options=['model.head.num_classes=11'])
    assert done.returncode == 1
    assert 'size mismatch for head.' in done.stderr


def test_checkpoint_that_is_none_is_refused(trained):
    (trained / 'text.pth').write_text('no checkpoint')
    line = last_line(run_tool(trained, 'test', 'text.pth'))
    assert 'UnreadableCheckpoint: checkpoint must be a file of' in line
    assert 'text.pth' in line


@pytest.mark.parametrize('name', ['train', 'test'])
def test_unknown_option_is_refused_with_the_closest(folder, name):
    checkpoint = ['none.pth'] if name == 'test' else []
    line = last_line(
        run_tool(folder, name, *checkpoint, options=['trian_cfg.x=1']))
    assert line.startswith('ValueError: ')
    assert "'trian_cfg.x'" in line and "did you mean 'train_cfg'?" in line


def test_two_processes_train_and_score_every_video_once(folder):
    """Three videos on two processes: one is padded, and dropped again."""
    launcher = 'bash', TOOLS / 'dist_train.sh', CONFIG, 2
    check(
        run(folder,
            *launcher,
            '--work-dir=two',
            '--cfg-options',
            *TINY,
            'env_cfg.dist_cfg.backend=gloo',
            'train_dataloader.batch_size=4',
            PORT=free_port()))
    checkpoint = folder / 'two/epoch_1.pth'
    assert torch.load(checkpoint, weights_only=True)['meta']['iter'] == 2
    launcher = 'bash', TOOLS / 'dist_test.sh', CONFIG, checkpoint, 2
    done = run(
        folder,
        *launcher,
        '--work-dir=two',
        '--out=two.json',
        '--dump=two.pkl',
        '--dump-raw=raw',
        '--cfg-options',
        *TINY,
        'test_dataloader.batch_size=1',
        PORT=free_port())
    check(done)
    check(run_tool(folder, 'test', checkpoint, '--out=one.json'))
    assert sorted(video_ids(folder / 'two.json')) == sorted(
        video_ids(folder / 'one.json'))
    with open(folder / 'two.pkl', 'rb') as file:
        seen = [each['video_id'] for each in pickle.load(file)]
    assert len(seen) == len(set(seen)) == NUM_VAL
    # each process has written its own videos, the first one the rest
    raw = load_raw_predictions(str(folder / 'raw'))
    assert sorted(raw.videos) == sorted(seen)


@pytest.mark.parametrize('flag', ['--local_rank=1', '--local-rank=1'])
@pytest.mark.parametrize('name', ['train', 'test'])
def test_rank_of_the_launcher_is_taken(monkeypatch, name, flag):
    monkeypatch.setenv('LOCAL_RANK', '9')  # restored at the end
    monkeypatch.delenv('LOCAL_RANK')
    args = ['config.py'] + ['none.pth'] * (name == 'test')
    load_tool(name).parse_args([*args, flag])
    assert os.environ['LOCAL_RANK'] == '1'


def merged(name, *args):
    """The config after the command line was merged."""
    tool = load_tool(name)
    parsed = tool.parse_args([str(CONFIG), *args])
    return tool.merge_args(Config.fromfile(CONFIG), parsed)


def test_work_dir_is_named_after_the_config():
    assert merged('train').work_dir == f'work_dirs/{CONFIG.stem}'


def test_options_of_a_training_reach_the_config():
    cfg = merged('train', '--no-validate', '--auto-scale-lr', '--seed=7',
                 '--deterministic', '--launcher=pytorch')
    assert cfg.val_cfg is cfg.val_dataloader is cfg.val_evaluator is None
    assert cfg.auto_scale_lr.enable and cfg.launcher == 'pytorch'
    assert cfg.randomness == dict(seed=7, deterministic=True)


def test_resume_options_reach_the_config():
    assert not merged('train').get('resume')
    auto = merged('train', '--resume')
    assert auto.resume and auto.load_from is None
    path = merged('train', '--resume', 'a.pth')
    assert path.resume and path.load_from == 'a.pth'


def test_amp_changes_the_optimizer_wrapper(monkeypatch):
    tool = load_tool('train')
    monkeypatch.setattr(tool, 'get_device', lambda: 'cuda')
    cfg = Config(dict(optim_wrapper=dict(type='OptimWrapper', optimizer={})))
    tool.use_amp(cfg)
    assert cfg.optim_wrapper.type == 'AmpOptimWrapper'
    assert cfg.optim_wrapper.loss_scale == 'dynamic'
    cfg.optim_wrapper.type = 'DeepSpeedOptimWrapper'
    with pytest.raises(ValueError, match="got 'DeepSpeedOptimWrapper'"):
        tool.use_amp(cfg)


def test_amp_without_gpu_is_bfloat16(monkeypatch):
    tool = load_tool('train')
    monkeypatch.setattr(tool, 'get_device', lambda: 'cpu')
    cfg = Config(dict(optim_wrapper=dict(loss_scale='dynamic')))
    tool.use_amp(cfg)
    assert cfg.optim_wrapper == dict(type='dyfadet_mm.Bfloat16OptimWrapper')


def test_amp_takes_configs_of_the_new_style(tmp_path, monkeypatch):
    """Their types are classes, which MMEngine imports when they are read."""
    path = tmp_path / 'lazy.py'
    path.write_text('from mmengine.optim import AmpOptimWrapper\n'
                    'from torch.optim import AdamW\n'
                    'optim_wrapper = dict(type=AmpOptimWrapper,\n'
                    '    optimizer=dict(type=AdamW, lr=1e-3))\n')
    tool = load_tool('train')
    monkeypatch.setattr(tool, 'get_device', lambda: 'cpu')
    args = tool.parse_args(
        [str(path), '--amp', '--cfg-options', 'optim_wrapper.optimizer.lr=2'])
    cfg = tool.merge_args(Config.fromfile(path), args)
    assert cfg.optim_wrapper.type == 'dyfadet_mm.Bfloat16OptimWrapper'
    assert cfg.optim_wrapper.optimizer == dict(type=torch.optim.AdamW, lr=2)


def test_amp_of_a_test_sets_the_precision_of_predictions():
    assert merged('test', 'c.pth', '--amp').model.predict_dtype == 'bfloat16'
    assert 'predict_dtype' not in merged('test', 'c.pth').model


@pytest.mark.parametrize('change, args, message', [
    (dict(default_hooks=dict()), ['--show-dir=x'], '--show-dir needs'),
    (dict(test_evaluator=dict(type='mmengine.DumpResults')), ['--out=x.json'],
     '--out needs a metric'),
    (dict(), ['--dump=x.json'], '--dump must end with .pkl'),
])
def test_what_the_config_lacks_is_named(change, args, message):
    tool = load_tool('test')
    cfg = Config.fromfile(CONFIG)
    for key, value in change.items():
        cfg[key] = value
    parsed = tool.parse_args([str(CONFIG), 'none.pth', *args])
    with pytest.raises(ValueError, match=message):
        tool.merge_args(cfg, parsed)
