import pytest

HOOKS = [dict(type='dyfadet_mm.EmptyClassesHook')]
CHECKPOINT = dict(
    checkpoint=dict(
        type='dyfadet_mm.TADCheckpointHook',
        interval=1,
        save_best='count',
        rule='greater'))


def test_the_best_checkpoint_of_a_training_is_kept(make_runner, make_data,
                                                   tmp_path):
    make_runner(
        make_data(), HOOKS, val_dataset=make_data(),
        default_hooks=CHECKPOINT).train()
    assert (tmp_path / 'best_count_epoch_1.pth').is_file()


@pytest.mark.parametrize('task', ['val', 'test'])
def test_nothing_is_saved_and_no_training_data_built(make_runner, make_data,
                                                     tmp_path, task):
    runner = make_runner(
        dict(type='NoSuchDataset'),
        HOOKS,
        val_dataset=make_data(),
        default_hooks=CHECKPOINT)
    assert getattr(runner, task)() == dict(count=2)
    assert isinstance(runner._train_loop, dict)
    assert not list(tmp_path.rglob('*.pth'))
