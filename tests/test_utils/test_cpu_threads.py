import pytest
import torch
from mmengine.logging import MMLogger

from dyfadet_mm.utils import choose_cpu_threads, cpu_threads


@pytest.fixture
def two_threads(monkeypatch, tmp_path):
    """A process on a CPU whose user asked for nothing."""
    before = torch.get_num_threads()
    for name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(cpu_threads, 'get_device', lambda: 'cpu')
    torch.set_num_threads(2)
    log_file = tmp_path / 'threads.log'
    MMLogger.get_instance(f'threads_{tmp_path.name}', log_file=str(log_file))
    yield log_file
    torch.set_num_threads(before)


@pytest.mark.parametrize('name, content, quota', [
    ('cpu.max', '150000 100000\n', 1.5),
    ('cpu.max', 'max 100000\n', None),
    ('cpu/cpu.cfs_quota_us', '50000\n', 0.5),
    ('cpu/cpu.cfs_quota_us', '-1\n', None),
    ('other', '', None),
])
def test_quota_of_both_versions(tmp_path, name, content, quota):
    (tmp_path / 'cpu').mkdir()
    (tmp_path / 'cpu' / 'cpu.cfs_period_us').write_text('100000\n')
    (tmp_path / name).write_text(content)
    assert cpu_threads.cpu_quota(str(tmp_path)) == quota


@pytest.mark.parametrize('quota, threads', [(None, 2), (8., 2), (1.5, 1),
                                            (0.2, 1)])
def test_threads_fit_the_quota(two_threads, monkeypatch, quota, threads):
    monkeypatch.setattr(cpu_threads, 'cpu_quota', lambda: quota)
    assert choose_cpu_threads() == threads == torch.get_num_threads()
    assert f'CPU threads: {threads} (' in two_threads.read_text()


def test_what_the_user_says_stays(two_threads, monkeypatch):
    monkeypatch.setattr(cpu_threads, 'cpu_quota', lambda: 1.)
    monkeypatch.setenv('OMP_NUM_THREADS', '2')
    assert choose_cpu_threads() == 2 == torch.get_num_threads()
    assert 'as OMP_NUM_THREADS says' in two_threads.read_text()


def test_a_gpu_is_left_alone(two_threads, monkeypatch):
    monkeypatch.setattr(cpu_threads, 'get_device', lambda: 'cuda')
    monkeypatch.setattr(cpu_threads, 'cpu_quota', lambda: 1.)
    assert choose_cpu_threads() is None
    assert torch.get_num_threads() == 2
