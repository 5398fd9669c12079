import pytest
import torch
from mmengine.config import Config
from mmengine.dist import is_distributed
from mmengine.registry import MODEL_WRAPPERS

from dyfadet_mm.utils import cpu_launch, prepare_cpu_launch


@pytest.fixture
def one_process(monkeypatch, tmp_path):
    """What torchrun says to the only process of a run."""
    values = dict(RANK='0', WORLD_SIZE='1', MASTER_ADDR='127.0.0.1')
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv('MASTER_PORT', '0')
    monkeypatch.setattr(cpu_launch, 'get_device', lambda: 'cpu')
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
    monkeypatch.setattr(cpu_launch, 'get_device', lambda: device)
    cfg = Config(dict(launcher=launcher))
    prepare_cpu_launch(cfg)
    assert cfg.to_dict() == dict(launcher=launcher)
    assert not is_distributed()
