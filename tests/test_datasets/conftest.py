import json

import numpy as np
import pytest

from dyfadet_mm.datasets import TADDataset

DATABASE = dict(
    long=dict(
        subset='Train',
        duration='8.0',
        fps=10.,
        annotations=[
            dict(segment=[1., 2.], label='run'),
            dict(segment=[1., 2.], label='run'),
            dict(segment=[-0.1, 6.5], label='jump'),
        ]),
    short=dict(subset='train', duration=2, fps=10., annotations=[]),
    held_out=dict(
        subset='TEST',
        duration=4.,
        fps=20.,
        annotations=[dict(segment=[0.5, 1.5], label='hop')]))


@pytest.fixture
def data_root(tmp_path):
    """Folder of three videos: 20, 5 and 20 cells of 3 channels."""
    (tmp_path / 'feats').mkdir()
    for name, num_cells in dict(long=20, short=5, held_out=20).items():
        feats = np.arange(num_cells * 3, dtype=np.float16).reshape(-1, 3)
        np.save(tmp_path / 'feats' / f'{name}.npy', feats)
    (tmp_path / 'ann.json').write_text(json.dumps(dict(database=DATABASE)))
    return tmp_path


@pytest.fixture
def make_dataset(data_root):
    """Make a dataset on ``data_root``; stride 4 and window 8 frames."""

    def _make(**kwargs):
        options = dict(
            ann_file='ann.json',
            subset='train',
            data_root=str(data_root),
            data_prefix=dict(feats='feats'),
            feat_stride=4,
            feat_num_frames=8)
        options.update(kwargs)
        return TADDataset(**options)

    return _make


@pytest.fixture
def write_set(tmp_path):
    """Write annotations and empty feature files; gives the arguments."""

    def _write(database, *files, **kwargs):
        (tmp_path / 'ann.json').write_text(json.dumps(dict(database=database)))
        for name in files:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return dict(
            dict(
                ann_file='ann.json',
                data_root=str(tmp_path),
                feat_stride=16,
                feat_num_frames=16), **kwargs)

    return _write
