import importlib
import math

import numpy as np
import pytest

from dyfadet_mm.ops.soft_nms import make_decay, pick

# the package has the function of that name
module = importlib.import_module('dyfadet_mm.ops.soft_nms')


def lay_out(segments, scores=()):
    """(length, end, -start, score) of (start, end) segments."""
    start, end = np.array(segments, float).T
    return np.stack((end - start, end, -start, np.resize(scores, len(end))))


def make_args(segments, scores, groups, max_num=5):
    """Arguments of the rounds; segments are (start, end), best first."""
    candidates = lay_out(segments, scores)
    decay = make_decay('linear', 0.5, 0.1, candidates.dtype)
    return candidates, np.array(groups), decay, 0.001, max_num


def factors(method, segments, pick, iou_threshold=0.1):
    """Factors that one pick leaves; both are (start, end)."""
    others, picks = lay_out(segments, 1.), lay_out([pick] * len(segments), 1.)
    decay = make_decay(method, 0.5, iou_threshold, others.dtype)
    return decay(others, picks).tolist()


@pytest.mark.parametrize('method, expected', [
    ('gaussian', [math.exp(-0.5), math.exp(-1 / 18), 1.]),
    ('linear', [0.5, 5 / 6, 1.]),
    ('hard', [0., 0., 1.]),
])
def test_factors_by_hand(method, expected):
    segments = [[0., 4.], [1.5, 3.], [2., 8.]]  # tIoU 1/2, 1/6 and 0
    out = factors(method, segments, (0., 2.))
    assert out == pytest.approx(expected)


@pytest.mark.parametrize('method, expected', [('linear', [0.5, 1.]),
                                              ('hard', [0., 1.])])
def test_overlaps_below_the_threshold_do_not_count(method, expected):
    out = factors(method, [[0., 4.], [1.5, 3.]], (0., 2.), iou_threshold=0.5)
    assert out == pytest.approx(expected)


@pytest.mark.parametrize('method', ['gaussian', 'linear', 'hard'])
def test_segments_that_end_before_they_start_change_nothing(method):
    assert factors(method, [[3., 1.], [0., 4.]], (2., 0.)) == [1., 1.]


def test_picks_by_hand():
    # the second loses 1/2 to the first, the third is of another group
    index, scores = pick(*make_args([[0, 4], [0, 2], [0, 4], [9, 10]],
                                    [0.9, 0.8, 0.7, 0.5], [3, 3, 5, 3]))
    found = dict(zip(index.tolist(), scores.tolist()))
    assert found == pytest.approx({0: 0.9, 1: 0.4, 2: 0.7, 3: 0.5})


@pytest.mark.parametrize('length, num', [(1, 6), (100, 50)])
def test_candidates_worse_than_the_output_are_left_out(monkeypatch, length,
                                                       num):
    """Twice ``max_num`` are tried first, and all where that is not enough."""
    monkeypatch.setattr(module, 'FEW', 4)
    segments = [[10 * i, 10 * i + length] for i in range(50)]
    scores = [1 - i / 100 for i in range(50)]
    candidates, groups, decay, *limits = make_args(
        segments, scores, [0] * 50, max_num=3)
    seen = []

    def spy(others, picks):
        seen.extend(others[3])
        return decay(others, picks)

    index, _ = pick(candidates, groups, spy, *limits)
    assert set(seen) == set(scores[:num]) and 0 in index


def test_a_group_picks_at_most_max_num():
    segments = [[10 * i, 10 * i + 1] for i in range(9)]
    args = make_args(segments, [0.5] * 9, [0] * 9, max_num=4)
    assert pick(*args)[0].tolist() == [0, 1, 2, 3]
