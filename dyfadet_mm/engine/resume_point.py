"""From which checkpoint a training can go on."""
import logging
import os
import os.path as osp
import re
from typing import Any, List, Optional

from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader

LAST = 'last_checkpoint'
_RECENT = 4096  # bytes of that file to read
# types of what MMEngine takes over; a question mark is behind what may be None
_STATE = {
    'meta': dict,
    'meta.epoch': int,
    'meta.iter': int,
    'meta.seed?': int,
    'state_dict': dict,
    'optimizer?': dict,
    'param_schedulers?': (list, dict),
    'message_hub': dict,
    'message_hub.log_scalars': dict,
    'message_hub.resumed_keys': dict,
    'message_hub.runtime_info': dict,
    'message_hub.runtime_info.best_score?': (int, float),
    'message_hub.runtime_info.keep_ckpt_ids?': list,
}
# of counters, and of the seeds that NumPy takes
_LARGEST = {
    'meta.epoch': 2**31 - 1,
    'meta.iter': 2**31 - 1,
    'meta.seed?': 2**32 - 1
}
# what a state may lack: options that older versions of PyTorch did not save,
# and what MMEngine takes over only if it is there
_OPTIONAL = {
    'maximize', 'foreach', 'capturable', 'differentiable', 'fused',
    'decoupled_weight_decay', 'loss_scaler', 'base_param_settings'
}


def find_resume_point(work_dir: str, folder: str,
                      template: str) -> Optional[str]:
    """Path of the checkpoint that an interrupted training goes on from.

    It is the one that ``last_checkpoint`` names. Where that is missing or
    incomplete, it is the newest complete one, and a warning says so.

    Args:
        work_dir (str): Folder with ``last_checkpoint``.
        folder (str): Folder with the checkpoints.
        template (str): Their name, such as ``'epoch_{}.pth'``.

    Returns:
        str, optional: None if no checkpoint was saved yet.

    Raises:
        ValueError: If there are checkpoints and none is complete.
    """
    last = _read_last(work_dir)
    found = saved_checkpoints(folder, template)
    candidates = [last] * bool(last) + [each for each in found if each != last]
    problems = []
    for name in candidates:
        path = osp.join(folder, name)
        try:
            check_resumable(path)
        except (ValueError, FileNotFoundError) as error:
            problems.append(str(error))
            continue
        if problems:
            print_log(
                f'{"; ".join(problems)}. The training goes on from {name}, '
                'the newest complete checkpoint',
                'current',
                level=logging.WARNING)
        return path
    if problems:
        raise ValueError(
            f'work_dir must hold a complete checkpoint to resume from, but '
            f'{"; ".join(problems)}; give the path of another one, or remove '
            f'{LAST} and the damaged files to start anew')
    return None


def saved_checkpoints(folder: str, template: str) -> List[str]:
    """Names of the checkpoints of a training, the newest one first.

    Args:
        folder (str): Their folder.
        template (str): Their name, such as ``'epoch_{}.pth'``.

    Returns:
        list[str]: Names, without the folder.
    """
    if not osp.isdir(folder):
        return []
    steps = {}
    for name in os.listdir(folder):
        match = name_pattern(template).fullmatch(name)
        if match:
            steps[name] = int(match[1])
    return sorted(steps, key=steps.get, reverse=True)


def name_pattern(template: str) -> 're.Pattern':
    """What the names of checkpoints look like, with the step as a group."""
    return re.compile(re.escape(template).replace(r'\{\}', r'(\d{1,18})'))


def check_resumable(path: str) -> None:
    """Check that a checkpoint is complete and holds what MMEngine resumes.

    Args:
        path (str): Path or address of the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, or something is missing or of
            another type.
    """
    checkpoint: Any = CheckpointLoader.load_checkpoint(
        path, 'cpu', logger='silent')
    for key, cls in _STATE.items():
        value = checkpoint
        for part in key.rstrip('?').split('.'):
            value = value.get(part) if isinstance(value, dict) else None
        if value is None and key.endswith('?'):
            continue
        if (not isinstance(value, cls) or isinstance(value, bool)
                or cls is int and not 0 <= value <= _LARGEST[key]):
            raise ValueError(
                f'{path!r} must hold the state of a training, but has no '
                f'possible {key.rstrip("?")} (of type {type(value).__name__})'
                '; load weights alone with load_from=CHECKPOINT and without '
                'resuming')


def check_like(saved: Any, own: Any, where: str) -> None:
    """Check that a saved state has the types of the one that it replaces.

    Args:
        saved (Any): Of a checkpoint.
        own (Any): What PyTorch and MMEngine have built.
        where (str): Names it in the error.

    Raises:
        ValueError: If something is missing or of another type.
    """
    if isinstance(own, dict) and isinstance(saved, dict):
        missing = own.keys() - saved.keys() - _OPTIONAL
        if missing:
            raise ValueError(f'{where[:200]} must have {min(missing)}, but has'
                             ' not; resume with the same config')
        for key in own.keys() & saved.keys():
            check_like(saved[key], own[key], f'{where}.{key}')
    elif isinstance(own, (list, tuple)) and isinstance(saved, type(own)):
        if len(own) != len(saved):
            raise ValueError(f'{where} must have {len(own)} entries, but has '
                             f'{len(saved)}; resume with the same config')
        for i, (one, other) in enumerate(zip(saved, own)):
            check_like(one, other, f'{where}.{i}')
    elif (isinstance(own, (bool, str)) or type(saved)
          is bool) and not (type(saved) is type(own) and saved == own):
        raise ValueError(f'{where[:200]} must be {own!r}, but is not; resume '
                         'with the same config')
    elif own is not None and not (_is_number(own) and _is_number(saved)
                                  or type(saved) is type(own)):
        raise ValueError(
            f'{where[:200]} must be of type {type(own).__name__}, but is of '
            f'type {type(saved).__name__}; resume with the same config')


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and value == value


def _read_last(work_dir: str) -> Optional[str]:
    """Name of the checkpoint that was saved last, None if nobody says."""
    path = osp.join(work_dir, LAST)
    if not osp.isfile(path):
        return None
    with open(path, 'rb') as file:
        text = file.read(_RECENT).decode(errors='replace').strip()
    # MMEngine's own hook writes a path, which a copied folder has no use for
    return osp.basename(text) or None
