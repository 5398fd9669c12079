import copy

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dyfadet_mm.registry import TRANSFORMS


def _results(tmp_path, **features):
    """Save features by source and return what a dataset would hand over."""
    paths = {}
    for source, feats in features.items():
        paths[source] = str(tmp_path / f'{source}.npy')
        np.save(paths[source], np.asarray(feats, np.float32))
    return dict(video_id='vid', feature_paths=paths, fps=30.)


def _concat(*sources, loader=None, **kwargs):
    loaders = [
        dict(
            type='LoadFeatures',
            source=source,
            **(loader or {}).get(source, {})) for source in sources
    ]
    return TRANSFORMS.build(
        dict(type='dyfadet_mm.ConcatFeatures', loaders=loaders, **kwargs))


def _resize_by_hand(feats, length):
    """Linear interpolation between cell centres, which lie at t + 0.5."""
    feats = np.asarray(feats, np.float64)
    places = (np.arange(length) + 0.5) * len(feats) / length
    centres = np.arange(len(feats)) + 0.5
    return np.stack(
        [np.interp(places, centres, channel) for channel in feats.T], axis=1)


def test_channels_stand_in_the_order_of_the_loaders(tmp_path):
    results = _results(tmp_path, a=[[1, 2], [3, 4]], b=[[5], [6]])
    feats = _concat('b', 'a')(dict(results))['feats']
    assert feats.dtype == np.float32 and feats.flags.c_contiguous
    assert feats.tolist() == [[5, 1, 2], [6, 3, 4]]
    assert _concat('a', 'b')(results)['feats'].tolist() == [[1, 2, 5],
                                                            [3, 4, 6]]
    assert set(results) == {'video_id', 'feature_paths', 'fps', 'feats'}


def test_the_first_decides_the_length(tmp_path):
    # 2 -> 4 cells: places 0.25, 0.75, 1.25, 1.75 between centres 0.5 and 1.5
    results = _results(tmp_path, a=[[0], [1], [2], [3]], b=[[0], [4]])
    assert _concat('a',
                   'b')(dict(results))['feats'].tolist() == [[0, 0], [1, 1],
                                                             [2, 3], [3, 4]]
    # 4 -> 2 cells: places 1 and 3, halfway between two centres
    assert _concat('b', 'a')(dict(results))['feats'].tolist() == [[0, 0.5],
                                                                  [4, 2.5]]


def test_the_longest_decides_the_length(tmp_path):
    results = _results(tmp_path, a=[[0], [4]], b=[[0], [1], [2], [3]])
    feats = _concat('a', 'b', align='longest')(results)['feats']
    assert feats.tolist() == [[0, 0], [1, 1], [3, 2], [4, 3]]


def test_thumos_flow_and_videomae(tmp_path):
    i3d, videomae = np.random.randn(9, 8), np.random.randn(7, 5)
    results = _results(tmp_path, i3d=i3d, videomae=videomae)
    loader = dict(
        i3d=dict(feat_dim=8, channels=(4, 8)), videomae=dict(feat_dim=5))
    feats = _concat('i3d', 'videomae', loader=loader)(results)['feats']
    assert feats.shape == (9, 4 + 5)
    assert np.array_equal(feats[:, :4], i3d[:, 4:].astype(np.float32))
    assert np.allclose(feats[:, 4:], _resize_by_hand(videomae, 9), atol=1e-5)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    align=st.sampled_from(['first', 'longest']))
def test_any_lengths_are_resized(tmp_path, lengths, align):
    rng = np.random.default_rng(0)
    parts = {
        f's{i}': rng.normal(size=(length, i + 1))
        for i, length in enumerate(lengths)
    }
    feats = _concat(*parts, align=align)(_results(tmp_path, **parts))['feats']
    length = max(lengths) if align == 'longest' else lengths[0]
    expected = [_resize_by_hand(part, length) for part in parts.values()]
    assert np.allclose(feats, np.concatenate(expected, axis=1), atol=1e-5)


def test_without_alignment_lengths_must_be_equal(tmp_path):
    equal = _results(tmp_path, a=np.ones((3, 2)), b=np.zeros((3, 1)))
    assert _concat('a', 'b', align=None)(equal)['feats'].shape == (3, 3)
    other = _results(tmp_path, a=np.ones((4, 2)), b=np.zeros((3, 1)))
    with pytest.raises(ValueError, match=r"'vid' must .* got \[4, 3\] cells"):
        _concat('a', 'b', align=None)(other)


def test_one_loader_changes_nothing(tmp_path):
    results = _results(tmp_path, a=[[1, 2], [3, 4]])
    assert _concat(
        'a', align=None)(results)['feats'].tolist() == [[1, 2], [3, 4]]


def test_a_missing_source_and_a_wrong_dimension_are_named(tmp_path):
    results = _results(tmp_path, a=np.ones((3, 2)), b=np.ones((3, 2)))
    with pytest.raises(KeyError, match=r"'c', but got \['a', 'b'\]"):
        _concat('a', 'c')(dict(results))
    with pytest.raises(ValueError, match=r"'vid' at .*b.npy.*\(T, 5\)"):
        _concat('a', 'b', loader=dict(b=dict(feat_dim=5)))(dict(results))


def test_editing_a_sample_leaves_what_is_kept_as_it_is(tmp_path):
    results = _results(tmp_path, a=np.ones((3, 2)))
    concat = _concat('a')
    for _ in range(2):
        feats = concat(dict(results))['feats']
        assert (feats == 1).all()
        feats *= 2
    assert (copy.deepcopy(concat)(results)['feats'] == 1).all()


@pytest.mark.parametrize('options, words', [
    (dict(align='shortest'), "align must be 'first', 'longest' or None"),
    (dict(loaders=[]), 'loaders must be at least one config'),
])
def test_bad_arguments_are_refused(options, words):
    loaders = dict(loaders=[dict(type='LoadFeatures')])
    with pytest.raises(ValueError, match=words):
        TRANSFORMS.build(
            dict(type='dyfadet_mm.ConcatFeatures', **{
                **loaders,
                **options
            }))


def test_it_shows_its_loaders():
    assert repr(_concat('a', 'b', align=None)).startswith(
        "ConcatFeatures(loaders=[LoadFeatures(reader=NpyReader, feat_dim=None,"
        " source='a'")
