import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyfadet_mm.datasets import RandomTruncate, SecondsToGrid


def _results(num_cells, segments, seed=0):
    """Features that count their cells, and labels that count the actions."""
    segments = np.array(segments, np.float32).reshape(-1, 2)
    return dict(
        feats=np.arange(num_cells, dtype=np.float32)[:, None],
        segments=segments,
        labels=np.arange(len(segments)),
        rng=np.random.default_rng(seed))


def slow_truncate(num_cells, segments, rng, max_seq_len, trunc_thresh,
                  crop_ratio, max_trials):
    """Random truncation once more, read off its definition.

    Returns:
        tuple: First cell, cell after the last, and (start, end, index) of the
        kept actions.
    """
    if num_cells <= max_seq_len:
        if crop_ratio is None:
            length = num_cells
        else:
            low = max(round(crop_ratio[0] * num_cells), 1)
            high = max(round(crop_ratio[1] * num_cells), low)
            length = int(rng.integers(low, high + 1))
        if length == num_cells:
            return 0, num_cells, [(*map(float, s), i)
                                  for i, s in enumerate(segments)]
    else:
        length = max_seq_len
    for _ in range(max_trials):
        first = int(rng.integers(0, num_cells - length + 1))
        kept = []
        for i, (start, end) in enumerate(segments):
            if start == end:
                continue
            left, right = max(start, first), min(end, first + length)
            overlap = max(right - left, np.float32(0))
            if overlap / (end - start) >= trunc_thresh:
                kept.append((float(left - first), float(right - first), i))
        if kept:
            break
    return first, first + length, kept


timelines = st.lists(
    st.tuples(st.integers(-4, 160),
              st.integers(0,
                          60)).map(lambda pair: (pair[0] / 4, sum(pair) / 4)),
    max_size=5)


@settings(deadline=None, max_examples=200)
@given(
    num_cells=st.integers(1, 40),
    segments=timelines,
    seed=st.integers(0, 99),
    max_seq_len=st.integers(1, 45),
    trunc_thresh=st.sampled_from([0.3, 0.5, 1.0]),
    crop_ratio=st.sampled_from([None, (0.9, 1.0), (0.5, 0.5), (0.1, 1.0)]),
    max_trials=st.sampled_from([1, 7]))
def test_agrees_with_a_slow_second_version(num_cells, segments, seed,
                                           max_seq_len, trunc_thresh,
                                           crop_ratio, max_trials):
    results = _results(num_cells, segments, seed)
    before = copy.deepcopy(results)
    first, last, kept = slow_truncate(num_cells, results['segments'],
                                      np.random.default_rng(seed), max_seq_len,
                                      trunc_thresh, crop_ratio, max_trials)
    truncate = RandomTruncate(max_seq_len, trunc_thresh, crop_ratio,
                              max_trials)
    out = truncate(dict(results))
    if segments:  # without actions fewer windows are drawn
        assert out['feats'][:, 0].tolist() == list(range(first, last))
    assert len(out['feats']) == last - first <= max_seq_len
    rows = [(*s, i) for s, i in zip(out['segments'].tolist(), out['labels'])]
    assert rows == kept
    assert out['segments'].dtype == np.float32
    assert out['segments'].shape == (len(kept), 2)
    for key in ('feats', 'segments', 'labels'):  # not edited in place
        assert np.array_equal(results[key], before[key])


def test_action_is_clipped_and_shifted_by_hand():
    out = RandomTruncate(max_seq_len=4)(_results(8, [[1.5, 6.5]]))
    first = int(out['feats'][0, 0])
    assert out['feats'][:, 0].tolist() == [first + i for i in range(4)]
    expected = [max(1.5, first) - first, min(6.5, first + 4) - first]
    assert out['segments'].tolist() == [expected]


@pytest.mark.parametrize('margin, cells', [(1.5, 1.5), ('half_window', 2.)])
def test_widened_window_by_hand(margin, cells):
    results = dict(
        _results(9, [[0, 9], [1, 2]]), feat_num_frames=16, feat_stride=4)
    out = RandomTruncate(8, margin=margin)(results)
    first = int(out['feats'][0, 0])
    assert first in (0, 1) and len(out['feats']) == 8
    expected = [
        max(0, first - cells) - first,
        min(9, first + 8 + cells) - first
    ]
    assert out['segments'].tolist()[0] == expected
    assert out['labels'].tolist() == [0, 1]  # the second lies inside


def test_widened_window_shows_more():
    results = _results(10, [[0, 8]])  # 3 cells are never half of it, 7 can be
    assert not len(RandomTruncate(3)(dict(results))['segments'])
    assert len(RandomTruncate(3, margin=2)(dict(results))['segments'])


def test_action_below_the_share_is_dropped():
    results = _results(10, [[0, 8], [4, 6]])
    out = RandomTruncate(max_seq_len=3, trunc_thresh=0.5)(results)
    assert out['labels'].tolist() == [1]  # 3 of 8 cells are never half


def test_zero_length_action_is_dropped_by_a_cut():
    results = _results(10, [[4, 4], [0, 10]])
    out = RandomTruncate(max_seq_len=9)(results)
    assert out['labels'].tolist() == [1]


def test_hopeless_actions_end_after_all_trials():
    out = RandomTruncate(max_seq_len=3)(_results(10, [[0, 8]]))
    assert len(out['feats']) == 3 and len(out['segments']) == 0


def test_short_video_without_crop_is_kept():
    results = _results(5, [[1, 1], [2, 4]])
    out = RandomTruncate(max_seq_len=5, crop_ratio=None)(dict(results))
    assert out['feats'] is results['feats']
    assert out['labels'].tolist() == [0, 1]


def test_every_length_and_start_is_drawn():
    windows = set()
    for seed in range(400):
        out = RandomTruncate(max_seq_len=20)(_results(20, [], seed))
        first = int(out['feats'][0, 0])
        windows.add((first, first + len(out['feats'])))
    # lengths round(0.9 * 20) = 18, 19 and 20
    assert windows == {(0, 18), (1, 19), (2, 20), (0, 19), (1, 20), (0, 20)}


@pytest.mark.parametrize('options, words', [
    (dict(max_seq_len=0), 'max_seq_len must be at least 1, but got 0'),
    (dict(trunc_thresh=0), r'trunc_thresh must be in \(0, 1\], but got 0'),
    (dict(crop_ratio=(1, 0.5)), 'crop_ratio must be None or'),
    (dict(crop_ratio=(0.5, )), 'crop_ratio must be None or'),
    (dict(max_trials=0), 'max_trials must be at least 1, but got 0'),
    (dict(margin=-1), "margin must be 'half_window' or at least 0 cells, but"),
])
def test_bad_arguments_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        RandomTruncate(**dict(dict(max_seq_len=8), **options))


def test_missing_generator_is_explained():
    results = _results(9, [])
    del results['rng']
    with pytest.raises(KeyError, match="'rng'.*TADDataset adds it"):
        RandomTruncate(max_seq_len=4)(results)


def _seconds(**kwargs):
    return dict(
        segments_s=np.array([[0., 2.], [1.5, 4.]]),
        labels_s=np.array([3, 1]),
        fps=30.,
        feat_stride=4,
        feat_num_frames=16,
        **kwargs)


def test_seconds_become_cells_by_hand():
    results = _seconds()
    out = SecondsToGrid()(results)
    # (0 * 30 - 8) / 4 = -2, (60 - 8) / 4 = 13, (45 - 8) / 4, (120 - 8) / 4
    assert out['segments'].tolist() == [[-2, 13], [9.25, 28]]
    assert out['segments'].dtype == np.float32
    assert out['labels'].tolist() == [3, 1]
    assert out['segments_s'].tolist() == [[0, 2], [1.5, 4]]
    assert out['labels'] is not out['labels_s']


def test_class_agnostic_labels_are_zero():
    out = SecondsToGrid()(_seconds(class_agnostic=True))
    assert out['labels'].tolist() == [0, 0]
    assert out['labels_s'].tolist() == [3, 1]
