"""Machines without a GPU: several processes, and their threads."""
import os
import os.path as osp
from typing import Optional

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import is_distributed
from mmengine.logging import print_log

CGROUP_ROOT = '/sys/fs/cgroup'


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


def choose_cpu_threads() -> Optional[int]:
    """Use no more threads than this process may use CPUs, and log it.

    PyTorch starts a thread per CPU that the process may run on, but does not
    know the time quota of a container. A number in ``OMP_NUM_THREADS`` or
    ``MKL_NUM_THREADS`` stays, and so does a smaller number that was set by
    ``torch.set_num_threads``. Nothing happens with a GPU or in a distributed
    run, where MMEngine chooses.

    Note:
        On a busy machine it counts more how threads wait than how many they
        are: by default they spin, and take the CPU from the thread they wait
        for. ``OMP_WAIT_POLICY=PASSIVE`` lets them sleep. It must be set
        before torch is imported, as our tools do.

    Returns:
        int, optional: Number of threads, None where nothing was chosen.
    """
    if get_device() != 'cpu' or is_distributed():
        return None
    threads, reason = torch.get_num_threads(), 'as PyTorch chose'
    given = [
        name for name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS')
        if name in os.environ
    ]
    quota = cpu_quota()
    if given:
        reason = f'as {given[0]} says'
    elif quota is not None and quota < threads:
        threads, reason = max(int(quota), 1), f'a quota of {quota:g} CPUs'
        torch.set_num_threads(threads)
    policy = os.environ.get('OMP_WAIT_POLICY', 'not set')
    print_log(
        f'CPU threads: {threads} ({reason}); OMP_WAIT_POLICY: {policy}',
        logger='current')
    return threads


def cpu_quota(root: str = CGROUP_ROOT) -> Optional[float]:
    """CPUs that the control group of a container grants.

    Args:
        root (str): Folder of the control group, of version 2 or 1.

    Returns:
        float, optional: Share of time in CPUs, such as 1.5, None without a
        limit.
    """
    version2 = _read(root, 'cpu.max').split()  # '150000 100000' or 'max ...'
    version1 = [
        _read(root, 'cpu', f'cpu.cfs_{name}_us').strip()
        for name in ('quota', 'period')
    ]
    for pair in (version2, version1):
        if len(pair) == 2 and all(value.isdigit() for value in pair):
            return int(pair[0]) / int(pair[1])
    return None  # neither 'max' nor '-1' is a limit


def _read(*parts: str) -> str:
    """Text of a file, empty where there is none."""
    path = osp.join(*parts)
    if not osp.isfile(path):
        return ''
    with open(path, encoding='utf-8') as file:
        return file.read()
