import numpy as np
import pytest

from dyfadet_mm.registry import TRANSFORMS


def _results(tmp_path):
    path = tmp_path / 'vid.npy'
    np.save(path, np.ones((5, 3), np.float16))
    return dict(video_id='vid', feature_path=str(path))


def test_features_are_added(tmp_path):
    load = TRANSFORMS.build(dict(type='dyfadet_mm.LoadFeatures', feat_dim=3))
    results = load(_results(tmp_path))
    assert set(results) == {'video_id', 'feature_path', 'feats'}
    assert results['feats'].shape == (5, 3)
    assert results['feats'].dtype == np.float32


def test_reader_is_chosen_by_config(tmp_path):
    load = TRANSFORMS.build(
        dict(
            type='dyfadet_mm.LoadFeatures',
            reader=dict(
                type='dyfadet_mm.NpyReader',
                backend_args=dict(backend='local'))))
    assert load(_results(tmp_path))['feats'].shape == (5, 3)
    assert repr(load) == 'LoadFeatures(reader=NpyReader, feat_dim=None)'


def test_wrong_dimension_names_the_video(tmp_path):
    load = TRANSFORMS.build(dict(type='dyfadet_mm.LoadFeatures', feat_dim=4))
    with pytest.raises(ValueError, match=r"'vid'.*\(T, 4\), but got \(5, 3\)"):
        load(_results(tmp_path))
