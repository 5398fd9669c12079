"""Nothing is lost, whenever a training is killed."""
import signal

import pytest
from killed_training import (assert_resumable, assert_same_end, in_child,
                             kill_at_random)
from toy_training import train


def test_random_kills(tmp_path, num_cases):
    assert kill_at_random(tmp_path, max(num_cases // 50, 1)) >= 1


@pytest.mark.parametrize('by_epoch', [True, False])
def test_a_kill_before_a_change_of_a_file(tmp_path, num_cases, by_epoch):
    alone = tmp_path / 'alone'
    train(alone, by_epoch=by_epoch)
    template = 'epoch_{}.pth' if by_epoch else 'iter_{}.pth'
    # all of them with --cases 400; those of the first save among them
    moments = range(1 - by_epoch, 200, max(400 // num_cases, 1))
    for moment in moments:
        work_dir = tmp_path / f'killed_{moment}'
        status = in_child(
            lambda: train(work_dir, by_epoch=by_epoch),
            kill_at=moment,
            folder=work_dir)
        if status == 0:
            break
        assert status == -signal.SIGKILL
        assert_resumable(work_dir, 0, template)
        train(work_dir, by_epoch=by_epoch)
        assert_same_end(alone, work_dir)
        assert not list(work_dir.glob('.*.part'))
    assert 25 < moment < 199
