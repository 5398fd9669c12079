"""What a checkpoint of a stranger may do when it is resumed: train."""
import copy
import os
import shutil

import pytest
import torch
from harness import check_case, seeds
from mutators import mutate_value
from test_resuming import files, stop
from toy_training import train

from dyfadet_mm.engine.work_dir import release_work_dir

CODE = "open('ran', 'w').write('x')"


@pytest.fixture(scope='module')
def begun(tmp_path_factory):
    """Work folder of a training of which one epoch is done."""
    folder = tmp_path_factory.mktemp('crafted') / 'begun'
    stop(folder, 'after_train_iter', 1)
    return folder


@pytest.fixture
def checkpoint(begun):
    return torch.load(begun / 'epoch_1.pth')


@pytest.mark.parametrize('key', ['config', 'cfg'])
def test_no_config_in_it_is_run(begun, checkpoint, tmp_path, monkeypatch, key):
    monkeypatch.chdir(tmp_path)
    checkpoint['meta'][key] = CODE
    torch.save(checkpoint, tmp_path / 'crafted.pth')
    train(tmp_path / 'run', load_from=str(tmp_path / 'crafted.pth'))
    assert not os.path.exists('ran')
    assert (tmp_path / 'run/epoch_2.pth').is_file()


@pytest.mark.parametrize('name', [
    '{victim}', '../victim', '../victim/file.txt', 'victim', 'notes.txt', '.',
    '..', 'best_growth_epoch_1.pth/../notes.txt', 'epoch_1.pth', '', 7,
    ['notes.txt'], None
])
def test_nothing_it_names_is_removed(begun, checkpoint, tmp_path, name):
    work_dir = tmp_path / 'run'
    shutil.copytree(begun, work_dir)
    (work_dir / 'notes.txt').write_text('mine')
    for folder in (tmp_path, work_dir):
        (folder / 'victim').mkdir()
        (folder / 'victim/file.txt').write_text('mine')
    if isinstance(name, str):
        name = name.format(victim=tmp_path / 'victim')
    info = checkpoint['message_hub']['runtime_info']
    info.update(
        best_ckpt=name,
        last_ckpt=name,
        best_score=-1.,
        keep_ckpt_ids=[name, '../victim/file.txt\0', -1, True, 1])
    torch.save(checkpoint, work_dir / 'epoch_1.pth')
    before = files(tmp_path)
    train(work_dir)
    gone = {str(path) for path in before.keys() - files(tmp_path).keys()}
    # of its own files the old ones are replaced, as ever
    assert gone <= {'run/epoch_1.pth', 'run/best_growth_epoch_1.pth'}
    assert (work_dir / 'best_growth_epoch_2.pth').is_file()


def test_weights_alone_are_no_state_of_a_training(begun, checkpoint, tmp_path):
    torch.save(checkpoint['state_dict'], tmp_path / 'weights.pth')
    with pytest.raises(ValueError, match='weights.pth.* no possible meta '):
        train(tmp_path / 'run', load_from=str(tmp_path / 'weights.pth'))


def test_mutated_state(begun, checkpoint, tmp_path, num_cases):
    """Everything but the weights, which the loader checks."""
    parts = ('meta', 'message_hub', 'param_schedulers')
    state = {part: checkpoint[part] for part in parts}
    state['groups'] = checkpoint['optimizer']['param_groups']
    raised = 0
    for rng in seeds('resume', max(num_cases // 5, 1)):
        crafted = dict(checkpoint, optimizer=dict(checkpoint['optimizer']))
        mutated = mutate_value(rng, state, rng.choice((1, 1, 3)))
        if not isinstance(mutated, dict):
            continue
        if 'groups' in mutated:
            crafted['optimizer']['param_groups'] = mutated.pop('groups')
        for part in parts:
            crafted.pop(part)
        crafted.update(copy.deepcopy(mutated))
        path = tmp_path / 'crafted.pth'
        try:
            torch.save(crafted, path)
        except Exception:  # what cannot be written needs no reader
            continue
        work_dir = tmp_path / 'run'
        error = check_case(
            lambda: train(work_dir, load_from=str(path)),
            tmp_path, ['crafted.pth'],
            ignore=["'git', 'rev-parse'", "'gcc --version'"])  # MMEngine's
        release_work_dir(str(work_dir))
        shutil.rmtree(work_dir, ignore_errors=True)
        raised += error is not None
    assert raised
