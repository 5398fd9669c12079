"""Tiny videos that a detector can learn from frames."""
from pathlib import Path
from typing import Any

import numpy as np
from small_data import make_data, save

from dyfadet_mm.fileio import write_video

FPS = 4.
CONFIG = """
_base_ = 'dyfadet_mm::dyfadet/dyfadet_custom.py'
width, max_seq_len, batch_size, lr = 16, 32, 2, 1e-3
num_workers = 0
warmup_epochs, max_epochs = 1, 2
train_cfg = dict(val_interval=1)
model = dict(
    data_preprocessor=dict(mean=[127.5] * 3, std=[64.] * 3, pad_to='divisor'),
    encoder=dict(
        type='FrameEncoder',
        mode='chunk',
        clip_len=8,
        norm_eval=True,
        backbone=dict(
            type='mmaction.ResNet3dSlowOnly',
            depth=18,
            num_stages=2,
            out_indices=(1, ),
            spatial_strides=(1, 2),
            temporal_strides=(1, 1),
            dilations=(1, 1),
            base_channels=4,
            conv1_kernel=(1, 7, 7),
            conv1_stride_t=1,
            pool1_stride_t=1,
            inflate=(0, 1),
            pretrained=None),
        **options),
    backbone=dict(in_channels=None))
opened = [
    dict(type='mmaction.DecordInit'),
    dict(type='SampleCellFrames', frames_per_cell=2),
    dict(type='SecondsToGrid')
]
decoded = [dict(type='SelectFrames'), dict(type='mmaction.DecordDecode')]
train_pipeline = [
    *opened,
    dict(type='RandomTruncate', max_seq_len=32),
    *decoded,
    dict(type='mmaction.RandomResizedCrop', area_range=(0.5, 1.)),
    dict(type='mmaction.Resize', scale=(16, 16), keep_ratio=False),
    dict(type='mmaction.Flip', flip_ratio=0.5),
    dict(type='mmaction.ColorJitter'),
    dict(type='PackTADInputs')
]
test_pipeline = [
    *opened, *decoded,
    dict(type='mmaction.Resize', scale=(16, 16), keep_ratio=False),
    dict(type='PackTADInputs')
]
data = dict(
    _delete_=True,
    type='TADVideoDataset',
    data_root=data_root,
    ann_file='annotations.json',
    data_prefix=dict(video='videos/'),
    feat_stride=2)
train_dataloader = dict(
    dataset=dict(data, subset='training', pipeline=train_pipeline))
val_dataloader = dict(
    dataset=dict(
        data, subset='validation', pipeline=test_pipeline, test_mode=True))
test_dataloader = val_dataloader
del data, opened, decoded, options
"""


def write_video_data(folder: Any,
                     body: str = '',
                     options: str = 'dict()',
                     n_train: int = 4,
                     n_val: int = 2) -> Path:
    """Write videos, annotations and a config of a detector from frames.

    A video has 64 frames of noise, 4 a second, brighter while one action
    lasts and darker while the other does; a cell is two frames.

    Args:
        folder (Path | str): Gets ``videos/``, ``annotations.json`` and
            ``my_config.py``.
        body (str): Python that follows in the config.
        options (str): Python of further arguments of the encoder.
        n_train (int): Videos of the subset *training*.
        n_val (int): Videos of the subset *validation*.

    Returns:
        Path: The config.
    """
    folder = Path(folder)
    database = make_data(
        folder, n_train, n_val, cells=32, fps=FPS, stride=2, window=2)
    rng = np.random.default_rng(0)
    for name, entry in database.items():
        entry['duration'] = 64 / FPS
        frames = rng.integers(96, 160, (64, 32, 32, 3))
        for each in entry['annotations']:
            first, last = (round(FPS * x) for x in each['segment'])
            frames[first:last] += 80 if each['label'] == 'jump' else -80
        write_video(
            str(folder / 'videos' / f'{name}.mp4'), frames.astype(np.uint8),
            FPS)
    save(folder, database)
    config = folder / 'my_config.py'
    config.write_text(f'data_root = {str(folder) + "/"!r}\n'
                      f'options = {options}\n{CONFIG}\n{body}\n')
    return config
