"""Trainings that go on: from what, where, and what that cannot do."""
import resource
import shutil

import pytest
import torch
from killed_training import assert_same_end, in_child
from mmengine.hooks import Hook
from toy_training import Data, make_runner, train

from dyfadet_mm.engine.work_dir import release_work_dir
from dyfadet_mm.fileio import InUseError, WriteError


class Stop(Exception):
    """Ends a training, as a kill does."""


def stop(work_dir, method, epoch, **kwargs):
    """Train until a hook is called in an epoch, counted from 0."""

    class StopHook(Hook):
        priority = 'LOWEST'

    def act(self, runner, *args, **kwargs):
        if runner.epoch == epoch:
            raise Stop

    setattr(StopHook, method, act)
    runner = make_runner(work_dir, **kwargs)
    runner.register_hook(StopHook())
    with pytest.raises(Stop):
        runner.train()
    release_work_dir(str(work_dir))  # as the end of a process does


def files(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob('*') if path.is_file()
    }


@pytest.fixture(scope='module')
def alone(tmp_path_factory):
    """A training of two epochs that nothing has interrupted."""
    folder = tmp_path_factory.mktemp('alone')
    train(folder)
    return folder


@pytest.fixture
def begun(tmp_path):
    """Work folder of a training of which one epoch is done."""
    folder = tmp_path / 'begun'
    stop(folder, 'after_train_iter', 1)
    return folder


def test_files_are_named_without_their_folder(alone):
    assert (alone / 'last_checkpoint').read_text() == 'epoch_2.pth'
    info = torch.load(alone / 'epoch_2.pth')['message_hub']['runtime_info']
    assert info['last_ckpt'] == 'epoch_2.pth'
    assert info['best_ckpt'] == 'best_growth_epoch_2.pth'


def test_a_copy_is_resumed_and_leaves_the_first_as_it_is(begun, alone):
    copy = begun.with_name('copy')
    shutil.copytree(begun, copy)
    before = files(begun)
    train(copy)
    assert files(begun) == before
    assert_same_end(alone, copy)
    shutil.move(begun, begun.with_name('moved'))
    train(begun.with_name('moved'))
    assert_same_end(alone, begun.with_name('moved'))


def test_a_copy_of_mmengines_own_checkpoint_as_well(tmp_path, alone):
    first, copy = tmp_path / 'first', tmp_path / 'copy'
    hook = dict(
        type='CheckpointHook',
        interval=1,
        max_keep_ckpts=1,
        save_best='growth',
        rule='greater')
    stop(first, 'after_train_iter', 1, default_hooks=dict(checkpoint=hook))
    shutil.copytree(first, copy)
    assert str(first) in (copy / 'last_checkpoint').read_text()
    before = files(first)
    train(copy)
    assert files(first) == before
    assert sorted(path.name for path in copy.glob('*.pth')) == [
        'best_growth_epoch_2.pth', 'epoch_2.pth'
    ]


@pytest.mark.parametrize('last', [b'', b'epoch_7.pth', b'\xff\0', None])
def test_last_checkpoint_may_be_wrong(begun, alone, last, capfd):
    if last is None:
        (begun / 'last_checkpoint').unlink()
    else:
        (begun / 'last_checkpoint').write_bytes(last)
    train(begun, log_level='WARNING')
    assert_same_end(alone, begun)
    told = ''.join(capfd.readouterr())
    assert ('goes on from epoch_1.pth' in told) == bool(last)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(begun, alone, capfd):
    content = (begun / 'epoch_1.pth').read_bytes()
    (begun / 'epoch_4.pth').write_bytes(content[:-100])
    (begun / 'last_checkpoint').write_text('epoch_4.pth')
    train(begun, log_level='WARNING')
    told = ''.join(capfd.readouterr())
    assert 'epoch_4.pth' in told and 'goes on from epoch_1.pth' in told
    (begun / 'epoch_4.pth').unlink()
    assert_same_end(alone, begun)


def test_without_a_complete_one_nothing_is_begun_anew(begun):
    path = begun / 'epoch_1.pth'
    path.write_bytes(path.read_bytes()[:1000])
    before = files(begun)
    with pytest.raises(ValueError, match='complete checkpoint .*epoch_1.pth'):
        train(begun)
    assert {**files(begun), **before} == files(begun)


def test_without_any_the_training_begins(tmp_path, alone):
    train(tmp_path / 'run')
    assert_same_end(alone, tmp_path / 'run')


@pytest.mark.parametrize('method', ['before_val_epoch', 'after_val_iter'])
def test_an_interrupted_validation_is_made_up_for(tmp_path, alone, method):
    folder = tmp_path / 'run'
    stop(folder, method, 2)  # of the last epoch
    assert (folder / 'best_growth_epoch_1.pth').exists()
    train(folder)
    assert_same_end(alone, folder)


def test_another_seed_than_the_saved_one_is_not_used(tmp_path):
    """MMEngine shuffles by a new seed, where the config has none."""
    one, other = tmp_path / 'one', tmp_path / 'other'
    loader = dict(
        batch_size=1,
        num_workers=0,
        collate_fn=dict(type='default_collate'),
        sampler=dict(type='DefaultSampler', shuffle=True),
        dataset=Data(dict(inputs=torch.randn(2)) for _ in range(9)))
    given = dict(train_dataloader=loader, randomness=dict(seed=None))
    stop(one, 'after_train_iter', 1, **given)
    shutil.copytree(one, other)
    train(one, **given)
    train(other, **given)
    assert_same_end(one, other)


def test_a_full_disk_leaves_the_last_complete_one(tmp_path, alone):
    """A limit on the size of files stands in for the end of a disk."""
    folder = tmp_path / 'run'
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    class FillHook(Hook):

        def after_train_iter(self, runner, *args, **kwargs):
            if runner.epoch == 1:
                resource.setrlimit(resource.RLIMIT_FSIZE, (3000, before[1]))

    runner = make_runner(folder)
    runner.register_hook(FillHook())
    try:
        with pytest.raises(WriteError, match='epoch_2.pth.*make room'):
            runner.train()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    names = {path.name for path in folder.iterdir() if path.is_file()}
    assert names >= {'epoch_1.pth', 'best_growth_epoch_1.pth'}
    assert not any('epoch_2' in name for name in names)
    train(folder)
    assert_same_end(alone, folder)


def test_two_trainings_do_not_share_a_folder(tmp_path):
    folder = tmp_path / 'run'

    def refused():
        with pytest.raises(
                InUseError, match='run.* in use by another process'):
            train(folder)
        assert not list(folder.glob('*.pth'))

    class OtherHook(Hook):

        def after_train_iter(self, runner, *args, **kwargs):
            if runner.iter == 1:
                assert in_child(refused) == 0

    runner = make_runner(folder)
    runner.register_hook(OtherHook())
    runner.train()
    # and afterwards another process may
    assert in_child(lambda: train(folder)) == 0
