"""Several processes on a machine without a GPU."""
import torch
from mmengine.config import Config
from mmengine.device import get_device


def prepare_cpu_launch(cfg: Config) -> None:
    """Let MMEngine's launcher ``pytorch`` run without GPUs.

    MMEngine selects one GPU per process and hands it to
    DistributedDataParallel. Where there is none, the processes are connected
    with gloo before the runner is built, and the wrapper gets no device.
    Nothing happens with another launcher or with a GPU.

    Args:
        cfg (Config): Config with ``launcher`` set; ``model_wrapper_cfg`` is
            changed in place.
    """
    if cfg.get('launcher') != 'pytorch' or get_device() != 'cpu':
        return
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group('gloo')
    if cfg.get('model_wrapper_cfg') is None:
        cfg.model_wrapper_cfg = dict(
            type='mmengine.MMDistributedDataParallel',
            broadcast_buffers=False,
            find_unused_parameters=cfg.get('find_unused_parameters', False))
    cfg.model_wrapper_cfg.device_ids = None
