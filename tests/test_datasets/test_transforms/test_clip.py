import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dyfadet_mm.datasets import ClipActions


def _results(num_cells, segments, stride=16, window=16):
    segments = np.array(segments, np.float32).reshape(-1, 2)
    return dict(
        feats=np.zeros((num_cells, 1), np.float32),
        feat_stride=stride,
        feat_num_frames=window,
        segments=segments,
        labels=np.arange(len(segments)))


def test_activitynet_by_hand():
    """T = 10 cells, L = 10 + 16 / 2 / 16 = 10.5."""
    out = ClipActions('half_window', 0.5)(
        _results(
            10,
            [
                [-0.5, 4],  # inside
                [8, 10.5],  # ends at the limit
                [8, 13],  # 2.5 of 5 before it: just enough
                [8, 13.1],  # too little
                [10.25, 10.75],  # starts behind the last cell
                [10.5, 11],  # starts at the limit
                [4, 4],  # no length, no share
                [4, 400]
            ]))
    assert out['segments'].tolist() == [[-0.5, 4], [8, 10.5], [8, 10.5],
                                        [10.25, 10.5]]
    assert out['segments'].dtype == np.float32
    assert out['labels'].tolist() == [0, 1, 2, 4]


def test_hacs_by_hand():
    """T = 10 cells, L = 10, any share."""
    out = ClipActions()(
        _results(10, [[9.75, 400], [10, 11], [4, 4], [-1, 0], [3, 10]], 8, 32))
    assert out['segments'].tolist() == [[9.75, 10], [4, 4], [-1, 0], [3, 10]]
    assert out['labels'].tolist() == [0, 2, 3, 4]


def test_half_a_window_is_in_cells():
    """32 frames seen every 8: L = 4 + 32 / 2 / 8 = 6."""
    out = ClipActions('half_window')(_results(4, [[5, 9], [6, 9]], 8, 32))
    assert out['segments'].tolist() == [[5, 6]]
    out = ClipActions(1.5)(_results(4, [[5, 9], [5.5, 9]]))
    assert out['segments'].tolist() == [[5, 5.5]]


@pytest.mark.parametrize('segments', [[], [[9, 10]]])
def test_no_action_may_be_left(segments):
    out = ClipActions()(_results(4, segments))
    assert out['segments'].shape == (0, 2) and out['labels'].shape == (0, )


@given(
    segments=st.lists(
        st.tuples(st.integers(-8, 60), st.integers(
            0, 40)).map(lambda pair: (pair[0] / 4, sum(pair) / 4)),
        max_size=6),
    margin=st.sampled_from([0, 0.5, 'half_window']),
    min_share=st.sampled_from([None, 0, 0.5, 1.]))
def test_agrees_with_the_rule_read_off_its_table(segments, margin, min_share):
    results = _results(8, segments, 4, 16)
    before = copy.deepcopy(results)
    limit = 8 + (2 if margin == 'half_window' else margin)
    expected = []
    for label, (start, end) in enumerate(segments):
        if start >= limit:
            continue
        if min_share is not None:
            if start == end or (min(end, limit) - start) / (end -
                                                            start) < min_share:
                continue
        expected.append([start, min(end, limit), label])
    out = ClipActions(margin, min_share)(dict(results))
    rows = [[*s, i] for s, i in zip(out['segments'].tolist(), out['labels'])]
    assert rows == expected
    for key in ('segments', 'labels'):  # not edited in place
        assert np.array_equal(results[key], before[key])


@pytest.mark.parametrize('options, words', [
    (dict(margin='window'), "'half_window' or at least 0 .* got 'window'"),
    (dict(margin=-1), 'at least 0 cells, but got -1'),
    (dict(min_share=1.5), r'None or in \[0, 1\], but got 1.5'),
])
def test_bad_arguments_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        ClipActions(**options)
