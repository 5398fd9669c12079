"""Trainings that cannot go well, through the command line."""
import numpy as np
import pytest
from small_data import make_data, run_tool, save, write_config


@pytest.fixture
def train(tmp_path):
    """Train on a data set; returns exit status, output and checkpoints."""

    def _train(database, *options, body=''):
        save(tmp_path, database)
        config = write_config(tmp_path, body)
        work_dir = tmp_path / 'work'
        done = run_tool('train.py', config, '--work-dir', work_dir, *options)
        log = done.stdout + done.stderr
        return done.returncode, log, sorted(
            path.name for path in work_dir.glob('*.pth'))

    return _train


def last_line(log):
    return log.strip().splitlines()[-1]


def test_huge_value(train, tmp_path):
    database = make_data(tmp_path)
    path = tmp_path / 'features/vid_001.npy'
    feats = np.load(path)
    feats[5, 3] = 1e30
    np.save(path, feats)
    status, log, checkpoints = train(database)
    assert status == 1 and checkpoints == []
    line = last_line(log)
    assert 'the loss must be finite, but got loss=' in line
    assert 'in epoch 1, iteration ' in line
    assert "'vid_001' up to 1e+30" in line and 'check_dataset.py' in line


def test_one_video(train, tmp_path):
    status, log, checkpoints = train(make_data(tmp_path, 1, 1))
    assert status == 1 and checkpoints == []
    assert last_line(log).endswith(
        'train_dataloader must give at least one batch, but got 1 samples for '
        'batch_size=2 and drop_last=True; set train_dataloader.batch_size=1 '
        'or train_dataloader.drop_last=False, or add videos')


def test_one_iteration(train, tmp_path):
    status, log, checkpoints = train(
        make_data(tmp_path, 2, 1), '--cfg-options', 'max_epochs=10')
    assert status == 1 and checkpoints == []
    line = last_line(log)
    assert 'the learning rate must rise' in line
    assert 'in all 10 iterations (1 per epoch)' in line
    assert 'change warmup_epochs' in line


def test_frames_as_seconds_and_resuming(train, tmp_path):
    """Of the two epochs, the first warns; then there is nothing to go on."""
    database = make_data(tmp_path)
    for video in database.values():
        for action in video['annotations']:
            action['segment'] = [30 * x for x in action['segment']]
    body = 'custom_hooks = [dict(type="EMAHook", momentum=0.001)]'
    status, log, checkpoints = train(database, body=body)
    assert status == 0 and 'epoch_2.pth' in checkpoints
    assert log.count('no action has reached any cell of any of the 6 ') == 1
    assert 'the training has 6: ' in log  # updates of the running average

    status, log, _ = train(database, '--resume')
    assert status == 0
    assert log.count('nothing is left to train: 2 epochs of 2 epochs') == 1

    status, log, _ = train(database, '--resume', '--cfg-options',
                           'max_epochs=9')
    assert status == 1
    assert ('ends after 2 epochs, and the training after 9 epochs'
            in last_line(log))
