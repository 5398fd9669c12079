import copy
import pickle

import numpy as np
import pytest

from dyfadet_mm.registry import TRANSFORMS


def _results(tmp_path, name='vid', value=1):
    """Write 5 cells of 3 channels, 60 bytes in float32."""
    path = tmp_path / f'{name}.npy'
    np.save(path, np.full((5, 3), value, np.float16))
    return dict(video_id=name, feature_paths=dict(feats=str(path)))


def _load(**kwargs):
    return TRANSFORMS.build(dict(type='dyfadet_mm.LoadFeatures', **kwargs))


def _is_kept(load, results):
    """Whether features still come after their file has changed."""
    before = load(dict(results))['feats']
    np.save(results['feature_paths']['feats'], before + 1)
    return (load(dict(results))['feats'] == before).all()


def test_features_are_added(tmp_path):
    load = TRANSFORMS.build(dict(type='dyfadet_mm.LoadFeatures', feat_dim=3))
    results = load(_results(tmp_path))
    assert set(results) == {'video_id', 'feature_paths', 'feats'}
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
        "LoadFeatures(reader=NpyReader, feat_dim=None, source='feats', "
        'channels=None, cache_mib=128)')


def test_wrong_dimension_names_the_video(tmp_path):
    load = TRANSFORMS.build(dict(type='dyfadet_mm.LoadFeatures', feat_dim=4))
    with pytest.raises(ValueError, match=r"'vid'.*\(T, 4\), but got \(5, 3\)"):
        load(_results(tmp_path))


def test_the_source_is_chosen_by_config(tmp_path):
    results = _results(tmp_path, 'a', 1)
    results['feature_paths']['flow'] = _results(tmp_path, 'b',
                                                2)['feature_paths']['feats']
    assert (_load(source='flow')(dict(results))['feats'] == 2).all()
    assert (_load()(dict(results))['feats'] == 1).all()


@pytest.mark.parametrize('change, sources', [
    (lambda results: None, r"\['feats'\]"),
    (lambda results: results.pop('feature_paths'), r'\[\]'),
])
def test_an_unknown_source_lists_those_there_are(tmp_path, change, sources):
    results = _results(tmp_path)
    change(results)
    words = f"video 'vid' must have the source 'flow', but got {sources}"
    with pytest.raises(KeyError, match=words):
        _load(source='flow')(results)


def test_channels_are_kept_after_the_dimension_is_checked(tmp_path):
    results = _results(tmp_path)
    stored = np.arange(15, dtype=np.float32).reshape(5, 3)
    np.save(results['feature_paths']['feats'], stored)
    load = _load(feat_dim=3, channels=[1, 3])
    for _ in range(2):  # as read, then as kept
        feats = load(dict(results))['feats']
        assert feats.flags.c_contiguous
        assert np.array_equal(feats, stored[:, 1:])
    assert load._cache_bytes == 5 * 2 * 4
    with pytest.raises(ValueError, match=r"'vid'.*\(T, 4\), but got \(5, 3\)"):
        _load(feat_dim=4, channels=(1, 3))(dict(results))


def test_channels_beyond_the_file_name_the_video(tmp_path):
    words = r"'vid'.* must have the channels 1 to 3, but got shape \(5, 3\)"
    with pytest.raises(ValueError, match=words):
        _load(channels=(1, 4))(_results(tmp_path))


@pytest.mark.parametrize('channels', [(1, ), (2, 2), (-1, 2), (0, 4), (0., 2),
                                      (0, 1, 2)])
def test_channels_that_are_no_range_are_refused(channels):
    with pytest.raises(ValueError, match='channels must be .* <= feat_dim = '):
        _load(channels=channels, feat_dim=3)


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
    np.save(small['feature_paths']['feats'], np.ones((1, 3)))
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
    np.save(results['feature_paths']['feats'], np.ones(shape))
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
