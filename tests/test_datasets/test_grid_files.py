import json

import numpy as np
import pytest

from dyfadet_mm.datasets import TADDataset
from dyfadet_mm.fileio import save_grid

FACTS = dict(fps=15., stride=8, window=32, channels=4)


@pytest.fixture
def build(tmp_path):
    """A data set of one video; its arguments may be changed."""
    entry = dict(
        subset='Train',
        duration=30,
        fps=25,
        annotations=[dict(segment=[3, 9], label='run')])
    (tmp_path / 'ann.json').write_text(
        json.dumps(dict(database=dict(v0=entry))))
    for folder in ('feats', 'flow', 'train'):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / 'v0.npy', np.zeros((9, 4), np.float32))

    def build(**changes):
        return TADDataset(
            **{
                **dict(
                    ann_file='ann.json',
                    subset='train',
                    data_root=str(tmp_path),
                    data_prefix=dict(feats='feats'),
                    pipeline=[]),
                **changes
            })

    return build


def timing(dataset):
    info = dataset.get_data_info(0)
    return info['fps'], info['feat_stride'], info['feat_num_frames']


def test_without_a_file_nothing_is_known(build):
    assert timing(build()) == (25, None, None)
    assert timing(build(feat_stride=4, feat_num_frames=16)) == (25, 4, 16)


@pytest.mark.parametrize('fps, expected', [(15., 15), (None, 25)])
def test_what_is_not_set_comes_from_the_file(build, tmp_path, fps, expected):
    save_grid(str(tmp_path / 'feats'), dict(FACTS, fps=fps))
    dataset = build()
    assert timing(dataset) == (expected, 8, 32)
    assert (dataset.feat_stride, dataset.feat_num_frames) == (8, 32)
    assert timing(build(feat_stride=8, feat_num_frames=32))[0] == expected
    # a segment in seconds comes to the cell that the grid says
    from dyfadet_mm.datasets.transforms import SecondsToGrid
    segments = SecondsToGrid()(dataset[0])['segments']
    assert segments[0] == pytest.approx((np.array([3, 9]) * expected - 16) / 8)


@pytest.mark.parametrize('changes, words', [
    (dict(feat_stride=4), 'feat_stride of the data set .*got 4, .*stride = 8'),
    (dict(feat_num_frames=16), 'got 16, .*window = 32'),
    (dict(fps=30), 'fps of the data set .*got 30, .*fps = 15'),
    (dict(pipeline=[dict(type='dyfadet_mm.LoadFeatures', feat_dim=8)]),
     'feat_dim .*got 8, .*channels = 4'),
    (dict(pipeline=[
        dict(
            type='dyfadet_mm.ConcatFeatures',
            loaders=[dict(type='dyfadet_mm.LoadFeatures', feat_dim=8)])
    ]), 'got 8, .*channels = 4'),
])
def test_other_numbers_are_an_error_with_both(build, tmp_path, changes, words):
    save_grid(str(tmp_path / 'feats'), FACTS)
    with pytest.raises(ValueError, match=words):
        build(**changes)


def test_all_sources_and_folders_of_subsets_agree(build, tmp_path):
    save_grid(str(tmp_path / 'train'), FACTS)
    assert timing(build(data_prefix=dict(feats='{subset}'))) == (15, 8, 32)
    save_grid(str(tmp_path / 'flow'), dict(FACTS, stride=4))
    with pytest.raises(ValueError, match='got 8, .*flow.*stride = 4'):
        build(data_prefix=dict(feats='train', flow='flow'))


def test_cells_that_are_spread_stay_so(build, tmp_path):
    pipeline = [
        dict(type='dyfadet_mm.LoadFeatures'),
        dict(type='dyfadet_mm.SpreadFeatures')
    ]
    for _ in range(2):
        results = build(pipeline=pipeline, fps=30)[0]
        assert results['feat_stride'] == results['feat_num_frames'] == 100
        save_grid(str(tmp_path / 'feats'), dict(FACTS, fps=30))
