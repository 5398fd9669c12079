import math

import numpy as np
import pytest

from dyfadet_mm.ops import nms_rounds
from dyfadet_mm.ops.nms_rounds import Rounds, make_decay, pick


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


@pytest.mark.parametrize('length, sizes', [(1, [6]), (100, [6, 50])])
def test_candidates_worse_than_the_output_are_left_out(monkeypatch, length,
                                                       sizes):
    """Twice ``max_num`` are tried first, and all where that is not enough."""
    tried = []

    class Spy(Rounds):

        def __init__(self, candidates, *args):
            tried.append(candidates.shape[1])
            super().__init__(candidates, *args)

    monkeypatch.setattr(nms_rounds, 'Rounds', Spy)
    monkeypatch.setattr(nms_rounds, 'FEW', 4)
    segments = [[10 * i, 10 * i + length] for i in range(50)]
    scores = [1 - i / 100 for i in range(50)]
    index, _ = pick(*make_args(segments, scores, [0] * 50, max_num=3))
    assert tried == sizes and 0 in index


def test_a_group_picks_at_most_max_num():
    segments = [[10 * i, 10 * i + 1] for i in range(9)]
    args = make_args(segments, [0.5] * 9, [0] * 9, max_num=4)
    assert pick(*args)[0].tolist() == [0, 1, 2, 3]


def test_tables_hold_every_candidate_once_without_much_padding(monkeypatch):
    monkeypatch.setattr(nms_rounds, 'SMALL_TABLE', 16)
    sizes = [40, 35, 9, 8, 3, 1, 1, 1]
    groups = np.repeat(range(8), sizes)
    scores = np.random.default_rng(0).random(len(groups))
    rounds = Rounds(*make_args([[0, 1]] * len(groups), scores, groups))
    found = []
    while len(members := rounds._remaining()):
        table = rounds._table(members)
        is_member = table >= 0
        assert table.size <= max(4 * len(members), 16) + 2 * len(table)
        # no two groups in a row
        for row in table:
            assert len(set(rounds.groups[row[row >= 0]])) == 1
        found.append(table[is_member])
        rounds.scores[members] = -np.inf
    assert len(found) == 3
    assert sorted(np.concatenate(found)) == [*range(len(groups))]
