"""A training from frames that is killed ends as one that was left alone."""
import os
import signal

from killed_training import assert_same_end
from small_data import run_tool
from video_data import write_video_data

SETTINGS = """
randomness = dict(seed=1)
max_epochs = 2
custom_hooks = [
    dict(type='EMAHook', momentum=0.3, priority='ABOVE_NORMAL'),
    dict(type='KillHook')
]
model.update(backbone=dict(in_channels=None, drop_path_rate=0.3))
custom_imports = dict(imports=['kill_hook'])
"""
HOOK = """
import os, signal
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

@HOOKS.register_module()
class KillHook(Hook):

    def after_train_iter(self, runner, *args, **kwargs):
        if os.environ.get('KILL_AT') == f'{runner.epoch}.{runner.iter}':
            os.kill(os.getpid(), signal.SIGKILL)
"""


def test_resumed_it_has_the_same_weights(tmp_path):
    config = write_video_data(tmp_path, SETTINGS)
    (tmp_path / 'kill_hook.py').write_text(HOOK)

    def train(name, *args, **env):
        return run_tool(
            'train.py',
            config,
            '--work-dir',
            tmp_path / name,
            *args,
            '--cfg-options',
            'num_workers=1',  # whose start draws a number
            env=dict(
                PYTHONPATH=f'{tmp_path}:{os.environ["PYTHONPATH"]}'
                if os.environ.get('PYTHONPATH') else str(tmp_path),
                **env))

    assert train('alone').returncode == 0
    # iterations of two epochs are 0 to 3
    killed = train('killed', KILL_AT='1.2')
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    done = train('killed', '--resume')
    assert done.returncode == 0, done.stderr
    assert 'resumed epoch: 1' in done.stderr + done.stdout
    assert_same_end(tmp_path / 'alone', tmp_path / 'killed')
    log = next((tmp_path / 'killed').glob('*/vis_data/scalars.json'))
    assert 'grad_norm' in log.read_text()
