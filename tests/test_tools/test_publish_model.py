"""Checkpoints to give away, and the configs that they hold."""
import hashlib
import importlib.util
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from small_data import ROOT, make_data, run_tool, save, write_config

from dyfadet_mm.apis import inference_detector, init_detector

SHIPPED = 'dyfadet://digit-streams'


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A folder with data, config and checkpoint of a small training."""
    folder = tmp_path_factory.mktemp('publish')
    save(folder, make_data(folder))
    # no validation
    config = write_config(folder,
                          'val_cfg = val_dataloader = val_evaluator = None')
    cfg = Config.fromfile(config)
    cfg.work_dir = str(folder / 'work')
    Runner.from_cfg(cfg).train()
    return folder


@pytest.fixture(scope='module')
def checkpoint(trained):
    return torch.load(trained / 'work/epoch_2.pth')


@pytest.fixture(autouse=True)
def same_level():
    """The tools make the log quiet, for their own process."""
    level = MMLogger.get_current_instance().level
    yield
    MMLogger.get_current_instance().setLevel(level)


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Run a tool in an empty folder, and get what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(name, *args):
        spec = importlib.util.spec_from_file_location(
            name, next((ROOT / 'tools').rglob(f'{name}.py')))
        tool = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(tool)
        capsys.readouterr()
        tool.main(list(map(str, args)))
        return capsys.readouterr().out

    return run


def detections(path, folder):
    """Scores and segments of a video, by nothing but a checkpoint."""
    model = init_detector(checkpoint=str(path), device='cpu')
    found = inference_detector(
        model, str(folder / 'features/vid_006.npy'), fps=30.)
    assert model.dataset_meta['classes'] == ('jump', 'run')
    return found.pred_instances.scores, found.pred_instances.segments


def test_a_published_file_detects_alone(trained, checkpoint, tmp_path):
    source = trained / 'work/epoch_2.pth'
    done = run_tool(
        'model_converters/publish_model.py', source, 'my.pth', cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    path, = tmp_path.iterdir()
    assert done.stdout == (
        f'{path.name}: the averaged weights, '
        f'{len(checkpoint["state_dict"])} tensors, '
        f'{path.stat().st_size / 1e6:.1f} MB; left out: ema_state_dict, '
        'message_hub, optimizer, param_schedulers\n')
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.name == f'my-{digest[:8]}.pth'
    assert path.stat().st_size < source.stat().st_size / 3
    content = torch.load(path, weights_only=True)
    assert content.keys() == {'meta', 'state_dict'}
    assert content['meta']['weights'] == 'averaged'
    assert content['meta']['epoch'] == 2
    # numbers, texts and names: no program needs this package to read them
    assert {type(x) for x in content['meta'].values()} <= {int, str, dict}
    for ours, theirs in zip(
            detections(path, trained), detections(source, trained)):
        assert len(ours) > 5 and torch.equal(ours, theirs)


def test_raw_weights_are_those_that_were_trained(run, checkpoint, trained,
                                                 tmp_path):
    run('publish_model', trained / 'work/epoch_2.pth', 'my.pth', '--raw')
    path, = tmp_path.iterdir()
    content = torch.load(path, weights_only=True)
    assert content['meta']['weights'] == 'raw'
    assert content['state_dict'].keys() == checkpoint['state_dict'].keys()
    differ = 0
    for name, value in content['state_dict'].items():
        assert torch.equal(value,
                           checkpoint['ema_state_dict'][f'module.{name}'])
        differ += not torch.equal(value, checkpoint['state_dict'][name])
    assert differ > 50
    detections(path, trained)
    # of one copy it is still known which
    assert 'the raw weights' in run('publish_model', path, 'again')
    with pytest.raises(SystemExit, match='ValueError: --raw needs a check'):
        run('publish_model', path, 'other', '--raw')


def test_nothing_is_replaced(run, trained, tmp_path):
    args = 'publish_model', SHIPPED, 'zoo/digits.v1.pth'
    assert 'the only weights' in run(*args)
    path, = (tmp_path / 'zoo').iterdir()
    assert re.fullmatch('digits.v1-[0-9a-f]{8}.pth', path.name)
    before = path.stat().st_mtime_ns
    with pytest.raises(SystemExit, match='FileExistsError: .*--force'):
        run(*args)
    assert path.stat().st_mtime_ns == before
    run(*args, '--force')
    assert path.stat().st_mtime_ns > before


def test_weights_without_a_config_need_one(run, trained, checkpoint, tmp_path):
    torch.save(checkpoint['state_dict'], tmp_path / 'bare.pth')
    with pytest.raises(SystemExit, match='must say what model it is of'):
        run('publish_model', 'bare.pth', 'my.pth')
    out = run('publish_model', 'bare.pth', 'my.pth', '--config',
              trained / 'my_config.py')
    assert out.endswith('left out: nothing\n')
    path, = tmp_path.glob('my-*.pth')
    for ours, theirs in zip(
            detections(path, trained),
            detections(trained / 'work/epoch_2.pth', trained)):
        assert torch.equal(ours, theirs)


def test_the_config_of_a_file_a_checkpoint_and_a_name(run, trained, tmp_path):
    config = trained / 'my_config.py'
    text = run('print_config', config, '--cfg-options', 'lr=0.5')
    Path('printed.py').write_text(text)
    printed = Config.fromfile('printed.py')
    assert printed.optim_wrapper.optimizer.lr == 0.5
    assert printed.model.head.type and '_base_' not in text
    saved = run('print_config', trained / 'work/epoch_2.pth')
    Path('saved.py').write_text(saved)
    assert Config.fromfile('saved.py').data_root == f'{trained}/'
    for suffix in ('py', 'json', 'yml'):
        path = f'new/all.{suffix}'
        assert run('print_config', SHIPPED, '--save-path', path)
        assert Config.fromfile(path).model.head.type == 'DyTridentHead'
        with pytest.raises(SystemExit, match='FileExistsError'):
            run('print_config', SHIPPED, '--save-path', path)


@pytest.mark.parametrize('args, message', [
    (['no.py'], "there is no config 'no.py'"),
    (['no.pth'], "there is no checkpoint 'no.pth'"),
    (['nothing'], 'model must be a config, a checkpoint, one of'),
    ([SHIPPED, '--save-path=a.txt'], "must end in one of .* 'a.txt'"),
    ([SHIPPED, '--cfg-options', 'max_epoch=3'], "mean 'max_epochs'"),
])
def test_errors_are_one_line(run, args, message, tmp_path):
    with pytest.raises(SystemExit, match=message):
        run('print_config', *args)
    assert not any(tmp_path.iterdir())
