"""Two processes that write to one place: one of them is refused."""
import fcntl
import importlib
import json
import os
import socket
import subprocess
import sys
import time
import traceback
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from harness import time_limit

from dyfadet_mm.fileio import FolderLock, InUseError, WriteError, folder_lock

ROOT = Path(__file__).resolve().parents[2]


def in_child(act):
    """Call a function in a process of its own, which is returned."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            act()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return pid


def ended(pid):
    """How a process ended."""
    return os.waitpid(pid, 0)[1]


@pytest.fixture(params=[False, True], ids=['folder', 'file'])
def lock(request, tmp_path):
    """Makes the same lock again and again."""
    return lambda purpose='a test': FolderLock(
        tmp_path / 'new/work', purpose, is_file=request.param)


def test_a_second_process_is_told_who_the_first_one_is(lock):

    def second():
        with pytest.raises(InUseError) as info:
            lock().acquire()
        for word in ('new/work', f'pid {os.getppid()} on ', 'tools/first.py',
                     time.strftime('%Y-%m-%d')):
            assert word in str(info.value)

    with time_limit(), lock('tools/first.py'):
        assert ended(in_child(second)) == 0
        with pytest.raises(InUseError):
            lock().acquire()
    with lock():  # free again
        pass


def test_nothing_stays(lock, tmp_path):
    with lock():
        pass
    assert [path for path in tmp_path.rglob('*') if path.is_file()] == []


@pytest.mark.parametrize('has_workers', [False, True])
def test_a_killed_process_blocks_nobody(lock, tmp_path, has_workers):

    def killed():
        held = lock().acquire()
        if has_workers and os.fork() == 0:
            time.sleep(0.5)  # until it sees that its parent is gone
            os._exit(0)
        os.kill(os.getpid(), 9)
        held.release()

    assert ended(in_child(killed)) == 9
    assert list(tmp_path.rglob('*.owner'))
    with time_limit(), lock():
        pass


def test_workers_of_a_killed_process_are_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_lock, '_PATIENCE', 0.1)
    pid = in_child(lambda: None)
    ended(pid)
    (tmp_path / '.lock.owner').write_text(
        json.dumps(dict(pid=pid, host=socket.gethostname())))
    with FileLock(tmp_path / '.lock'):
        lock = FolderLock(tmp_path, 'a test')
        with pytest.raises(InUseError, match=f'pid {pid} on'):
            lock.acquire()


@pytest.mark.parametrize('owner', [
    '', '{', '[]', '{"pid": "x"}', '{"pid": -1, "host": 7}', '\ud800',
    '{"pid": ' + 10**5 * '9' + '}'
])
def test_what_the_owner_says_may_be_anything(tmp_path, owner):
    (tmp_path / '.lock.owner').write_bytes(
        owner.encode('utf-8', 'surrogatepass'))
    with FileLock(tmp_path / '.lock'), time_limit():
        with pytest.raises(InUseError, match='is in use by another process'):
            FolderLock(tmp_path, 'a test').acquire()


@pytest.mark.parametrize('error', [
    OSError(37, 'No locks available'),
    OSError(95, 'Operation not supported'),
    NotImplementedError('use SoftFileLock')
])
def test_file_systems_without_locks_get_a_warning(tmp_path, monkeypatch,
                                                  error):
    log = []
    monkeypatch.setattr(folder_lock, 'print_log',
                        lambda text, *_, **__: log.append(text))

    def acquire(*_, **__):
        raise error

    monkeypatch.setattr(FileLock, 'acquire', acquire)
    with FolderLock(tmp_path / 'work', 'a test'):
        pass
    assert len(log) == 1 and 'without locks' in log[0]


@pytest.mark.parametrize('path', ['/proc/nowhere/work', '/dev/null/work'])
def test_places_that_cannot_be_written_are_refused(path):
    with pytest.raises(WriteError, match=f"'{path}' must be in a folder"):
        FolderLock(path, 'a test').acquire()


@pytest.fixture
def pack(monkeypatch):
    """The command line of feature_pack.py, as a function."""
    monkeypatch.syspath_prepend(str(ROOT / 'tools/dataset_converters'))
    return importlib.import_module('feature_pack').main


@pytest.mark.parametrize('out', ['all.hdf5', 'copy'])
def test_two_packings_lose_no_video(tmp_path, pack, out):
    h5py = pytest.importorskip('h5py')
    names = [f'v_{index:03d}' for index in range(100)]
    (tmp_path / 'npy').mkdir()
    for name in names:
        np.save(tmp_path / 'npy' / f'{name}.npy', np.ones((4, 2), 'float32'))

    def packing():
        with open(tmp_path / f'{os.getpid()}.txt', 'w') as sys.stdout:
            try:
                pack([str(tmp_path / 'npy'), str(tmp_path / out)])
            except SystemExit as refusal:
                print(refusal)
                raise

    with time_limit(60):
        runs = [in_child(packing) for _ in range(2)]
        codes = [ended(run) for run in runs]
    texts = [(tmp_path / f'{run}.txt').read_text() for run in runs]
    assert sorted(map(bool, codes)) == [False, True], texts
    [refused] = [text for code, text in zip(codes, texts) if code]
    [done] = [text for code, text in zip(codes, texts) if not code]
    assert '100 of 100 videos are in' in done
    # the second one came during the first one, or after it
    assert 'is in use by another process' in refused or ('must be new'
                                                         in refused), refused
    if out == 'copy':
        assert sorted(os.listdir(tmp_path /
                                 out)) == [f'{n}.npy' for n in names]
    else:
        with h5py.File(tmp_path / out) as file:
            assert sorted(file) == names
    assert not list(tmp_path.glob('.*'))


@pytest.mark.parametrize('target', ['demo', 'clean'])
def test_two_demos_do_not_share_a_folder(tmp_path, target):
    work = tmp_path / 'work/demo'
    work.mkdir(parents=True)
    with open(f'{work}.lock', 'w') as file:
        file.write('process 12, since Monday')
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        done = subprocess.run(
            ['make', target, f'DEMO_WORK={work}', f'PYTHON={sys.executable}'],
            cwd=ROOT,
            capture_output=True,
            text=True)
    assert done.returncode and work.is_dir()
    assert f'{work}.lock is held by process 12, since Monday' in done.stderr
