"""Tiny data sets that a detector can learn, and the tools run on them."""
import json
import os
import os.path as osp
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Optional, Sequence

import numpy as np

ROOT = Path(__file__).resolve().parents[1]


def make_data(folder: Any,
              n_train: int = 6,
              n_val: int = 3,
              cells: int = 64,
              channels: int = 16,
              classes: Sequence[str] = ('jump', 'run'),
              fps: float = 30.,
              stride: int = 8,
              window: int = 16,
              seed: int = 0) -> Dict[str, dict]:
    """Write features of two actions a video; every class adds its vector.

    Args:
        folder (Path | str): Gets ``features/vid_000.npy`` and so on.
        n_train (int): Videos of the subset *training*.
        n_val (int): Videos of the subset *validation*.
        cells (int): T.
        channels (int): C.
        classes (Sequence[str]): Names of the actions.
        fps (float): Frames per second.
        stride (int): Frames between two cells.
        window (int): Frames that one cell has seen.
        seed (int): Of all random numbers.

    Returns:
        dict: The ``database`` of an annotation file, for :func:`save`.
    """
    rng = np.random.default_rng(seed)
    folder = Path(folder, 'features')
    folder.mkdir(parents=True, exist_ok=True)
    vectors = rng.normal(size=(len(classes), channels)) * 3
    database = {}
    for i in range(n_train + n_val):
        feats = rng.normal(size=(cells, channels)).astype('float32')
        actions = []
        for k in range(2):
            first = k * cells // 2 + int(rng.integers(1, cells // 8))
            last = first + int(rng.integers(cells // 8, cells // 4))
            label = int(rng.integers(len(classes)))
            feats[first:last] += vectors[label]
            segment = [
                round((cell * stride + window / 2) / fps, 3)
                for cell in (first, last)
            ]
            actions.append(dict(segment=segment, label=classes[label]))
        database[f'vid_{i:03d}'] = dict(
            subset='training' if i < n_train else 'validation',
            duration=round((cells * stride + window) / fps, 3),
            fps=fps,
            annotations=actions)
        np.save(folder / f'vid_{i:03d}.npy', feats)
    return database


def save(folder: Any,
         database: Dict[str, dict],
         name: str = 'annotations.json') -> Path:
    """Write an annotation file.

    Args:
        folder (Path | str): Its folder.
        database (dict): Entry by video id.
        name (str): Its name.

    Returns:
        Path: The file.
    """
    path = Path(folder, name)
    path.write_text(json.dumps(dict(database=database), indent=1))
    return path


def write_config(folder: Any,
                 body: str = '',
                 channels: int = 16,
                 base: str = 'dyfadet_mm::dyfadet/dyfadet_custom.py') -> Path:
    """Write a config of a small detector, for the data of :func:`make_data`.

    Args:
        folder (Path | str): Folder of the data.
        body (str): Python that follows, such as overrides.
        channels (int): C.
        base (str): Config to inherit.

    Returns:
        Path: ``my_config.py`` in ``folder``.
    """
    path = Path(folder, 'my_config.py')
    path.write_text(f"""_base_ = {base!r}
data_root = {osp.abspath(folder) + '/'!r}
feat_dim, feat_stride, feat_num_frames = {channels}, 8, 16
width, max_seq_len, batch_size, lr = 16, 64, 2, 1e-3
warmup_epochs, max_epochs = 1, 2
train_cfg = dict(val_interval=1)
{body}
""")
    return path


def run_tool(
        script: str,
        *args: Any,
        cwd: Any = None,
        env: Optional[Dict[str, str]] = None) -> subprocess.CompletedProcess:
    """Run ``tools/SCRIPT ARGS`` in a process of its own.

    Args:
        script (str): Path below ``tools/``, such as ``'train.py'``.
        args (Any): Its arguments.
        cwd (Path | str, optional): Working folder. Defaults to None.
        env (dict, optional): Environment variables that are added. Defaults
            to None.

    Returns:
        CompletedProcess: With ``returncode`` and, as text, ``stdout`` and
        ``stderr``.
    """
    command = [sys.executable, str(ROOT / 'tools' / script), *map(str, args)]
    return subprocess.run(
        command,
        cwd=cwd,
        env=dict(os.environ, OMP_NUM_THREADS='1', **(env or {})),
        capture_output=True,
        text=True)
