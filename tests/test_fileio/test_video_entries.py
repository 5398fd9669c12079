import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dyfadet_mm.fileio import (find_reversed, parse_video, remove_duplicates,
                               remove_short)

CLASS_IDS = dict(jump=0, run=1)


def _parse(**fields):
    """Parse an entry that is good but for ``fields``."""
    entry = dict(dict(subset='train', duration=9., fps=2.), **fields)
    return parse_video('vid', entry, CLASS_IDS)


def _action(*segment, label='run'):
    return dict(segment=list(segment), label=label)


def test_entry_becomes_arrays():
    info = _parse(annotations=[_action(0.5, 2), _action(1, 3, label='jump')])
    assert info['video_id'] == 'vid'
    assert (info['duration'], info['fps']) == (9., 2.)
    assert info['segments_s'].tolist() == [[0.5, 2], [1, 3]]
    assert info['segments_s'].dtype == np.float64
    assert info['labels_s'].tolist() == [1, 0]
    assert info['labels_s'].dtype == np.int64


@pytest.mark.parametrize('fields',
                         [{}, dict(annotations=[]),
                          dict(annotations=None)])
def test_video_without_actions_has_empty_arrays(fields):
    info = _parse(**fields)
    assert info['segments_s'].shape == (0, 2)
    assert info['labels_s'].shape == (0, )


def test_string_numbers_are_accepted():
    info = _parse(duration='92.166667', annotations=[_action('0.5', '2')])
    assert info['duration'] == 92.166667
    assert info['segments_s'].tolist() == [[0.5, 2]]


def test_given_fps_wins_then_the_field_then_the_frame_count():
    entry = dict(duration=9., fps=2., frame=27)
    assert parse_video('vid', entry, CLASS_IDS, fps=15)['fps'] == 15
    assert parse_video('vid', entry, CLASS_IDS)['fps'] == 2
    del entry['fps']
    assert parse_video('vid', entry, CLASS_IDS)['fps'] == 3


def test_missing_fps_names_the_video_and_the_remedy():
    with pytest.raises(KeyError, match="video 'vid' must have 'fps'.*set fps"):
        parse_video('vid', dict(duration=9.), CLASS_IDS)


def test_missing_duration_is_infinite():
    info = parse_video('vid', dict(fps=2.), CLASS_IDS)
    assert info['duration'] == math.inf


def test_negative_start_and_zero_length_are_kept():
    info = _parse(annotations=[_action(-0.1, 2), _action(3, 3)])
    assert info['segments_s'].tolist() == [[-0.1, 2], [3, 3]]


@pytest.mark.parametrize('name, value', [('duration', 'long'), ('duration', 0),
                                         ('duration', math.nan),
                                         ('duration', math.inf),
                                         ('duration', True), ('duration', [1]),
                                         ('fps', -30), ('fps', 'x')])
def test_impossible_numbers_name_the_video(name, value):
    with pytest.raises(ValueError, match=f"{name} of video 'vid' must be"):
        _parse(**{name: value})


@pytest.mark.parametrize('segment, words', [
    ([0, math.nan], 'must be two finite numbers'),
    ([-math.inf, 1], 'must be two finite numbers'),
    ([0, None], 'must be two finite numbers'),
    (['a', 1], 'must be two finite numbers'),
    ([0, 1, 2], r'must be \[start, end\]'),
    ('01', r'must be \[start, end\]'),
])
def test_impossible_segments_name_video_and_annotation(segment, words):
    actions = [_action(0, 1), dict(segment=segment, label='run')]
    with pytest.raises(
            ValueError, match=f"annotation 1 of video 'vid' {words}"):
        _parse(annotations=actions)


def test_reversed_actions_stay_unless_refused():
    actions = [_action(0, 1), _action(3, 1), _action(2, 2)]
    info = _parse(annotations=actions)
    assert info['segments_s'].tolist() == [[0, 1], [3, 1], [2, 2]]
    assert find_reversed(info['segments_s']).tolist() == [False, True, False]
    entry = dict(fps=2., annotations=actions)
    with pytest.raises(
            ValueError,
            match="annotation 1 of video 'vid' must "
            'not end before it starts'):
        parse_video('vid', entry, CLASS_IDS, allow_reversed=False)


@pytest.mark.parametrize('label', [['run', 'jump'], ['run'], dict(run=1)])
def test_one_annotation_has_one_label(label):
    with pytest.raises(
            TypeError,
            match="annotation 1 of video 'vid' must be one class "
            "name, but got .*run.*; write one annotation per label"):
        _parse(annotations=[_action(0, 1), _action(0, 1, label=label)])


def test_a_number_is_a_name():
    entry = dict(fps=2., annotations=[_action(0, 1, label=7)])
    assert parse_video('vid', entry, {'7': 3})['labels_s'].tolist() == [3]


def test_ignored_labels_are_not_read():
    actions = [_action('x', label='Ambiguous'), _action(0, 1)]
    entry = dict(fps=2., annotations=actions)
    info = parse_video('vid', entry, CLASS_IDS, ignore_labels={'Ambiguous'})
    assert info['segments_s'].tolist() == [[0, 1]]
    assert info['labels_s'].tolist() == [1]


@pytest.mark.parametrize('key', ['segment', 'label'])
def test_missing_field_names_video_and_annotation(key):
    action = _action(0, 1)
    del action[key]
    with pytest.raises(
            KeyError, match=f"annotation 0 of video 'vid' must have '{key}'"):
        _parse(annotations=[action])


def test_unknown_label_lists_the_closest_names():
    with pytest.raises(ValueError) as error:
        _parse(annotations=[_action(0, 1, label='runn')])
    text = str(error.value)
    assert "annotation 0 of video 'vid'" in text
    assert "'runn'; the closest are ['run']" in text


@pytest.mark.parametrize('annotations', [{}, 'none', [[0, 1]]])
def test_annotations_of_another_kind_are_refused(annotations):
    with pytest.raises(TypeError, match="'annotations' of video 'vid'"):
        _parse(annotations=annotations)


def test_duplicates_are_dropped_by_hand():
    segments = np.array([[1, 2], [1, 2], [1.0009, 1.9995], [1, 2.002], [1, 2]])
    labels = np.array([0, 0, 0, 0, 1])
    kept, kept_labels = remove_duplicates(segments, labels)
    assert kept.tolist() == [[1, 2], [1, 2.002], [1, 2]]
    assert kept_labels.tolist() == [0, 0, 1]


def test_duplicates_of_a_dropped_action_stay():
    segments = np.array([[0, 1], [0.0008, 1], [0.0016, 1]])
    kept, _ = remove_duplicates(segments, np.zeros(3, np.int64))
    assert kept.tolist() == [[0, 1], [0.0016, 1]]


def drop_duplicates_slowly(segments, labels, tolerance):
    """What must come out, by comparing each action with all kept ones."""
    kept = []
    for i, (segment, label) in enumerate(zip(segments, labels)):
        near = np.abs(segments[kept] - segment) <= tolerance
        if not (near.all(axis=1) & (labels[kept] == label)).any():
            kept.append(i)
    return segments[kept], labels[kept]


@pytest.mark.parametrize('tolerance', [0, 1e-3, 0.3])
def test_duplicates_are_those_of_all_pairs(tolerance):
    rng = np.random.default_rng(0)
    for scale in (5e-4, 1e-3, 0.3, 0.7, 1e6, 1e300):
        for offset in (0, -3.3, 1234.5):
            segments = rng.integers(-6, 6, (60, 2)) * scale + offset
            labels = rng.integers(0, 2, 60)
            for one, other in zip(
                    remove_duplicates(segments, labels, tolerance),
                    drop_duplicates_slowly(segments, labels, tolerance)):
                assert np.array_equal(one, other)


def test_no_action_has_no_duplicate():
    kept, labels = remove_duplicates(np.zeros((0, 2)), np.zeros(0, np.int64))
    assert kept.shape == (0, 2) and labels.shape == (0, )


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 1)),
        max_size=12))
def test_far_apart_actions_keep_one_of_each_kind(actions):
    segments = np.array([a[:2] for a in actions], float).reshape(-1, 2)
    labels = np.array([a[2] for a in actions], np.int64)
    kept, kept_labels = remove_duplicates(segments, labels)
    rows = [(*s, label) for s, label in zip(kept.tolist(), kept_labels)]
    assert rows == list(dict.fromkeys(actions))


def test_short_actions_are_dropped_by_hand():
    segments = np.array([[0, 0.25], [1, 1.125], [2, 2], [3, 9]])
    labels = np.arange(4)
    kept, kept_labels = remove_short(segments, labels, 0.25)
    assert kept.tolist() == [[0, 0.25], [3, 9]]
    assert kept_labels.tolist() == [0, 3]
    assert remove_short(segments, labels, 0.)[1].tolist() == [0, 1, 2, 3]
    kept, kept_labels = remove_short(segments[:0], labels[:0], 0.25)
    assert kept.shape == (0, 2) and kept_labels.shape == (0, )
