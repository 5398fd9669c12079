import pytest
from mmengine.dataset import RepeatDataset

HOOKS = [dict(type='dyfadet_mm.SetEpochHook')]


def test_every_training_dataset_is_told_epoch_and_seed(make_runner, make_data):
    inner = dict(type='ConcatDataset', datasets=[make_data(), make_data()])
    data = RepeatDataset(inner, times=1)
    runner = make_runner(data, HOOKS, val_dataset=make_data())
    runner.train()
    datasets = runner.train_dataloader.dataset.dataset.datasets
    assert [d.told for d in datasets] == [[(0, 5), (1, 5)]] * 2
    assert runner.val_dataloader.dataset.told == []


@pytest.mark.parametrize('num_workers', [0, 1])
def test_a_loop_by_iterations_has_epochs_too(make_runner, make_data, capsys,
                                             num_workers):
    runner = make_runner(
        make_data(),
        HOOKS,
        num_workers=num_workers,
        train_cfg=dict(by_epoch=False, max_iters=3))
    runner.train()
    told = runner.train_dataloader.dataset.told
    # two batches per epoch; batch 0 is made before the first iteration
    assert told == [(0, 5), (0, 5), (1, 5), (1, 5)]
    warned = 'got the IterBasedTrainLoop' in ''.join(capsys.readouterr())
    assert warned == (num_workers > 0)
