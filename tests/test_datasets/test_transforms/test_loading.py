import copy
import pickle

import numpy as np
import pytest

from dyfadet_mm.registry import TRANSFORMS


def _results(tmp_path, name='vid', value=1):
    """Write 5 cells of 3 channels, 60 bytes in float32."""
    path = tmp_path / f'{name}.npy'
    np.save(path, np.full((5, 3), value, np.float16))
    return dict(video_id=name, feature_path=str(path))


def _load(**kwargs):
    return TRANSFORMS.build(dict(type='dyfadet_mm.LoadFeatures', **kwargs))


def _is_kept(load, results):
    """Whether features still come after their file has changed."""
    before = load(dict(results))['feats']
    np.save(results['feature_path'], before + 1)
    return (load(dict(results))['feats'] == before).all()


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
    assert repr(load) == (
        'LoadFeatures(reader=NpyReader, feat_dim=None, cache_mib=128)')


def test_wrong_dimension_names_the_video(tmp_path):
    load = TRANSFORMS.build(dict(type='dyfadet_mm.LoadFeatures', feat_dim=4))
    with pytest.raises(ValueError, match=r"'vid'.*\(T, 4\), but got \(5, 3\)"):
        load(_results(tmp_path))


def test_a_file_is_read_once(tmp_path):
    load, results = _load(), _results(tmp_path)
    first = load(dict(results))['feats']
    (tmp_path / 'vid.npy').unlink()
    again = load(dict(results))['feats']
    assert again.dtype == np.float32 and again.flags.c_contiguous
    assert np.array_equal(again, first)


def test_without_cache_a_file_is_read_every_time(tmp_path):
    assert not _is_kept(_load(cache_mib=0), _results(tmp_path))


def test_kept_videos_are_not_mixed(tmp_path):
    load = _load()
    samples = [_results(tmp_path, name, i) for i, name in enumerate('abc')]
    for _ in range(2):
        for i, results in enumerate(samples):
            assert (load(dict(results))['feats'] == i).all()


def test_same_video_of_two_folders_is_not_mixed(tmp_path):
    load = _load()
    for value in (1, 2):
        folder = tmp_path / str(value)
        folder.mkdir()
        results = _results(folder, value=value)
        assert (load(results)['feats'] == value).all()


def test_cache_is_filled_up_to_its_limit(tmp_path):
    load = _load(cache_mib=150 / 2**20)  # two videos of 60 bytes
    samples = [_results(tmp_path, name) for name in 'abcd']
    assert [_is_kept(load, x) for x in samples] == [True, True, False, False]


def test_a_smaller_video_may_use_what_is_left(tmp_path):
    load = _load(cache_mib=100 / 2**20)
    large = [_results(tmp_path, name) for name in 'ab']
    small = _results(tmp_path, 'c')
    np.save(small['feature_path'], np.ones((1, 3)))
    assert [_is_kept(load, x) for x in (*large, small)] == [True, False, True]


def test_editing_a_sample_leaves_the_cache_as_it_is(tmp_path):
    load, results = _load(), _results(tmp_path)
    for _ in range(3):
        feats = load(dict(results))['feats']
        assert (feats == 1).all()
        feats *= 2  # first the array that was read, then the kept one


@pytest.mark.parametrize('shape', [(5, 3), (1, 3), (5, 1)])
def test_editing_packed_inputs_leaves_the_cache_as_it_is(tmp_path, shape):
    # one cell or one channel is contiguous either way round
    load, results = _load(), _results(tmp_path)
    np.save(results['feature_path'], np.ones(shape))
    pack = TRANSFORMS.build(
        dict(type='dyfadet_mm.PackTADInputs', meta_keys=()))
    for _ in range(3):
        inputs = pack(load(dict(results)))['inputs']
        assert (inputs == 1).all()
        inputs.zero_()


def test_unusable_features_are_refused_every_time(tmp_path):
    load, results = _load(), _results(tmp_path, value=np.nan)
    for _ in range(2):
        with pytest.raises(ValueError, match="'vid'.*must be finite"):
            load(dict(results))


@pytest.mark.parametrize(
    'clone', [copy.deepcopy, lambda load: pickle.loads(pickle.dumps(load))])
def test_kept_features_do_not_travel(tmp_path, clone):
    load, results = _load(cache_mib=100 / 2**20), _results(tmp_path)
    empty_size = len(pickle.dumps(load))
    load(dict(results))
    assert len(pickle.dumps(load)) == empty_size
    other = clone(load)
    (tmp_path / 'vid.npy').unlink()
    with pytest.raises(FileNotFoundError, match="'vid'"):
        other(dict(results))
    assert (load(dict(results))['feats'] == 1).all()
    assert _is_kept(other, _results(tmp_path, 'new'))  # with its whole limit


@pytest.mark.parametrize('cache_mib', [-1, float('nan')])
def test_negative_limit_is_refused(cache_mib):
    with pytest.raises(ValueError, match='cache_mib must be at least 0'):
        _load(cache_mib=cache_mib)
