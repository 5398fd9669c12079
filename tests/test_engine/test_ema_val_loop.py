"""Averaged and raw weights, validated in trainings of a small detector."""
import json

import pytest
import small_data
import torch
from mmengine.config import Config
from mmengine.runner import Runner

BASE = str(small_data.ROOT / 'configs/dyfadet/dyfadet_custom.py')
EMA = 'custom_hooks = [dict(type="EMAHook", momentum=0.3, priority=40)]'
NO_EMA = 'custom_hooks = []'


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A folder with data."""
    path = tmp_path_factory.mktemp('data')
    small_data.save(path, small_data.make_data(path))
    return path


@pytest.fixture(scope='module')
def make(folder):
    """Make a runner; every name has a folder of its own."""

    def _make(name, loop, *lines, **options):
        body = '\n'.join([f'val_cfg = dict(type={loop!r})', *lines])
        cfg = Config.fromfile(small_data.write_config(folder, body, base=BASE))
        cfg.merge_from_dict(
            dict(
                work_dir=str(folder / name),
                experiment_name=f'{folder.name}_{name}',
                randomness=dict(seed=0),
                lr=1e-2,
                log_level='WARNING',
                **options))
        # it would begin every epoch with random numbers of its own
        cfg.default_hooks.pop('set_epoch')
        return Runner.from_cfg(cfg)

    return _make


@pytest.fixture(scope='module')
def trained(make):
    """Runners after training, with this loop and without."""
    runners = {}
    for loop in ('EMAValLoop', 'ValLoop'):
        runners[loop] = make(loop, loop, EMA)
        runners[loop].train()
    return runners


def validations(folder):
    """What was logged after every validation."""
    path, = folder.glob('*/vis_data/scalars.json')
    lines = map(json.loads, path.read_text().splitlines())
    return [line for line in lines if 'tad/average_mAP' in line]


def metrics_of(line, prefix=''):
    start = f'{prefix}tad/'
    return {
        name[len(prefix):]: value
        for name, value in line.items() if name.startswith(start)
    }


def load(path):
    return torch.load(path, map_location='cpu', weights_only=True)


def test_both_are_logged_epoch_by_epoch(folder, trained):
    lines = validations(folder / 'EMAValLoop')
    usual = validations(folder / 'ValLoop')
    assert len(lines) == len(usual) == 2
    for line, other in zip(lines, usual):
        raw, averaged = metrics_of(line, 'raw/'), metrics_of(line)
        assert averaged == metrics_of(other) and not metrics_of(other, 'raw/')
        assert raw.keys() == averaged.keys() and raw != averaged
        assert line['step'] == other['step']


def test_raw_numbers_are_those_of_a_test_of_the_raw_weights(
        folder, make, trained):
    last = load(folder / 'EMAValLoop/epoch_2.pth')
    raw = {
        name[len('module.'):]: value
        for name, value in last['ema_state_dict'].items()
        if name.startswith('module.')
    }
    path = folder / 'raw.pth'
    torch.save(dict(last, state_dict=raw), path)
    found = make('test', 'EMAValLoop', NO_EMA, load_from=str(path)).test()
    line = validations(folder / 'EMAValLoop')[-1]
    assert found['tad/average_mAP'] > 0
    assert found == pytest.approx(metrics_of(line, 'raw/'))


def test_the_training_is_the_same_bit_by_bit(folder, trained):
    names = [{path.name
              for path in (folder / loop).glob('*.pth')} for loop in trained]
    assert names[0] == names[1]
    assert any(name.startswith('best_tad_average_mAP') for name in names[0])
    for name in names[0]:
        ours, theirs = (load(folder / loop / name) for loop in trained)
        for part in ('state_dict', 'ema_state_dict'):
            assert ours[part].keys() == theirs[part].keys()
            for key, value in ours[part].items():
                assert torch.equal(value, theirs[part][key]), (name, key)
        best = [
            each['message_hub']['runtime_info'].get('best_score')
            for each in (ours, theirs)
        ]
        assert best[0] == best[1]


def test_without_averages_it_is_the_usual_loop(folder, make):
    make('plain', 'EMAValLoop', NO_EMA).train()
    for line in validations(folder / 'plain'):
        assert metrics_of(line) and not metrics_of(line, 'raw/')


def test_weights_of_a_checkpoint_are_validated_once(folder, make, trained):
    path = folder / 'EMAValLoop/epoch_2.pth'
    metrics = make('val', 'EMAValLoop', EMA, load_from=str(path)).val()
    line = validations(folder / 'EMAValLoop')[-1]
    assert metrics == pytest.approx(metrics_of(line))
