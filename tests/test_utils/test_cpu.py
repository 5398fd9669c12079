import pytest
import torch
from mmengine.config import Config
from mmengine.dist import is_distributed
from mmengine.logging import MMLogger
from mmengine.registry import MODEL_WRAPPERS

from dyfadet_mm.utils import choose_cpu_threads, cpu, prepare_cpu_launch


@pytest.fixture
def one_process(monkeypatch, tmp_path):
    """What torchrun says to the only process of a run."""
    values = dict(RANK='0', WORLD_SIZE='1', MASTER_ADDR='127.0.0.1')
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv('MASTER_PORT', '0')
    monkeypatch.setattr(cpu, 'get_device', lambda: 'cpu')
    yield
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def test_connects_and_wraps_without_a_device(one_process):
    cfg = Config(dict(launcher='pytorch'))
    prepare_cpu_launch(cfg)
    assert is_distributed()
    assert torch.distributed.get_backend() == 'gloo'
    model = torch.nn.Linear(1, 1)
    wrapped = MODEL_WRAPPERS.build(
        cfg.model_wrapper_cfg, default_args=dict(module=model, device_ids=[0]))
    assert wrapped.device_ids is None


def test_keeps_a_wrapper_of_the_config(one_process):
    cfg = Config(
        dict(
            launcher='pytorch',
            model_wrapper_cfg=dict(
                type='MMDistributedDataParallel',
                find_unused_parameters=True)))
    prepare_cpu_launch(cfg)
    assert cfg.model_wrapper_cfg == dict(
        type='MMDistributedDataParallel',
        find_unused_parameters=True,
        device_ids=None)


@pytest.mark.parametrize('launcher, device', [('none', 'cpu'),
                                              ('slurm', 'cpu'),
                                              ('pytorch', 'cuda')])
def test_leaves_everything_else_to_mmengine(monkeypatch, launcher, device):
    monkeypatch.setattr(cpu, 'get_device', lambda: device)
    cfg = Config(dict(launcher=launcher))
    prepare_cpu_launch(cfg)
    assert cfg.to_dict() == dict(launcher=launcher)
    assert not is_distributed()


@pytest.fixture
def two_threads(monkeypatch, tmp_path):
    """A process on a CPU whose user asked for nothing."""
    before = torch.get_num_threads()
    for name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(cpu, 'get_device', lambda: 'cpu')
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
    assert cpu.cpu_quota(str(tmp_path)) == quota


@pytest.mark.parametrize('quota, threads', [(None, 2), (8., 2), (1.5, 1),
                                            (0.2, 1)])
def test_threads_fit_the_quota(two_threads, monkeypatch, quota, threads):
    monkeypatch.setattr(cpu, 'cpu_quota', lambda: quota)
    assert choose_cpu_threads() == threads == torch.get_num_threads()
    assert f'CPU threads: {threads} (' in two_threads.read_text()


def test_what_the_user_says_stays(two_threads, monkeypatch):
    monkeypatch.setattr(cpu, 'cpu_quota', lambda: 1.)
    monkeypatch.setenv('OMP_NUM_THREADS', '2')
    assert choose_cpu_threads() == 2 == torch.get_num_threads()
    assert 'as OMP_NUM_THREADS says' in two_threads.read_text()


def test_a_gpu_is_left_alone(two_threads, monkeypatch):
    monkeypatch.setattr(cpu, 'get_device', lambda: 'cuda')
    monkeypatch.setattr(cpu, 'cpu_quota', lambda: 1.)
    assert choose_cpu_threads() is None
    assert torch.get_num_threads() == 2
