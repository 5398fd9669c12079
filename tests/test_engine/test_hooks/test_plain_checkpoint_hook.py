import subprocess
import sys
from pathlib import Path

import mmaction
import mmdet
import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner
from torch.utils.data import DataLoader
from toy_model import ToyModel

from dyfadet_mm.engine.hooks.plain_checkpoint_hook import PlainCheckpointHook

SCRIPTS = [
    Path(package.__file__).parent / '.mim/tools' / name
    for package, name in ((mmaction, 'deployment/publish_model.py'),
                          (mmdet, 'model_converters/publish_model.py'))
]


class ToyData(list):
    """Videos with the names of classes."""
    metainfo = dict(classes=('jump', 'run'))


def make_runner(folder, max_epochs, hooks=(PlainCheckpointHook, ), **kwargs):
    torch.manual_seed(0)
    data = ToyData(dict(inputs=torch.randn(2)) for _ in range(4))
    return Runner(
        ToyModel(),
        work_dir=str(folder),
        train_dataloader=DataLoader(data, batch_size=2),
        train_cfg=dict(by_epoch=True, max_epochs=max_epochs),
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.1)),
        param_scheduler=dict(type='LinearLR', begin=0, end=4),
        custom_hooks=[
            dict(type='EMAHook', momentum=0.1), *(hook() for hook in hooks)
        ],
        default_hooks=dict(logger=dict(type='LoggerHook', interval=1)),
        experiment_name=f'{folder.name}-{max_epochs}-{len(hooks)}',
        log_level='ERROR',
        **kwargs)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Runner and checkpoint of a real training of one epoch."""
    folder = tmp_path_factory.mktemp('plain')
    runner = make_runner(folder, 1)
    runner.train()
    return runner, folder / 'epoch_1.pth'


def run(*command, cwd):
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize('script', SCRIPTS, ids=lambda path: path.parts[-5])
def test_scripts_of_others_publish_it_with_its_class_names(
        trained, tmp_path, script):
    if not script.exists():
        pytest.skip('this package was installed without its scripts')
    run(sys.executable, script, trained[1], 'out.pth', cwd=tmp_path)
    published, = tmp_path.glob('out*.pth')
    content = torch.load(published, weights_only=True)
    assert content['meta']['dataset_meta'] == ToyData.metainfo
    assert 'optimizer' not in content and 'message_hub' not in content
    expected = trained[0].model.state_dict()
    assert content['state_dict'].keys() == expected.keys()


@pytest.mark.parametrize(
    'hooks', [(), (PlainCheckpointHook, )], ids=['MMEngine', 'plain'])
def test_resumes_all_state_of_both_kinds(tmp_path, hooks):
    before = make_runner(tmp_path / 'before', 1, hooks)
    before.train()
    runner = make_runner(
        tmp_path / 'after',
        2,
        resume=True,
        load_from=str(tmp_path / 'before' / 'epoch_1.pth'))
    runner.train()
    assert runner.iter == 4
    for name in ('loss', 'lr'):
        old = before.message_hub.get_scalar(f'train/{name}')
        new = runner.message_hub.get_scalar(f'train/{name}')
        assert type(new) is HistoryBuffer and new.max_length == old.max_length
        for first, second in zip(old.data, new.data):
            assert len(second) == 4 and first.dtype == second.dtype
            np.testing.assert_array_equal(first, second[:2])
