import math

import pytest
import torch

from dyfadet_mm.ops import nms_rounds
from dyfadet_mm.ops.nms_rounds import Decay, Rounds


def make_rounds(segments, scores, groups, max_num=5):
    """Rounds on (start, end) segments, given best first."""
    start, end = torch.tensor(segments, dtype=torch.double).T
    scores = torch.tensor(scores, dtype=torch.double)
    candidates = torch.stack((end - start, end, -start, scores))
    return Rounds(candidates, torch.tensor(groups),
                  Decay('linear', 0.5, 0.1, candidates), 0.001, max_num)


def factors(method, segments, pick, iou_threshold=0.1):
    """Factors that one pick leaves; both are (start, end)."""
    start, end = torch.tensor(segments, dtype=torch.double).T
    pick = [
        torch.full((1, 1), x) for x in (pick[1] - pick[0], pick[1], -pick[0])
    ]
    decay = Decay(method, 0.5, iou_threshold, start)
    return decay(((end - start)[None], end[None], -start[None]), pick)[0]


@pytest.mark.parametrize('method, expected', [
    ('gaussian', [math.exp(-0.5), math.exp(-1 / 18), 1.]),
    ('linear', [0.5, 5 / 6, 1.]),
    ('hard', [0., 0., 1.]),
])
def test_factors_by_hand(method, expected):
    segments = [[0., 4.], [1.5, 3.], [2., 8.]]  # tIoU 1/2, 1/6 and 0
    out = factors(method, segments, (0., 2.))
    assert out.tolist() == pytest.approx(expected)


@pytest.mark.parametrize('method, expected', [('linear', [0.5, 1.]),
                                              ('hard', [0., 1.])])
def test_overlaps_below_the_threshold_do_not_count(method, expected):
    out = factors(method, [[0., 4.], [1.5, 3.]], (0., 2.), iou_threshold=0.5)
    assert out.tolist() == pytest.approx(expected)


@pytest.mark.parametrize('method', ['gaussian', 'linear', 'hard'])
def test_blanks_change_nothing(method):
    blank = [torch.full((1, 1), -math.inf)] * 3
    fields = [torch.tensor([[4., -math.inf]])] * 3
    decay = Decay(method, 0.5, 0.1, fields[0])
    assert decay(fields, blank).tolist() == [[1., 1.]]


def test_picks_by_hand():
    # the second loses 1/2 to the first, the third is of another group
    rounds = make_rounds([[0, 4], [0, 2], [0, 4], [9, 10]],
                         [0.9, 0.8, 0.7, 0.5], [3, 3, 5, 3])
    index, scores = rounds.run()
    found = dict(zip(index.tolist(), scores.tolist()))
    assert found == pytest.approx({0: 0.9, 1: 0.4, 2: 0.7, 3: 0.5})


def test_candidates_worse_than_the_output_never_enter(monkeypatch):
    monkeypatch.setattr(nms_rounds, 'FIRST_ENTRANTS', 4)
    apart = [[10 * i, 10 * i + 1] for i in range(50)]
    rounds = make_rounds(
        apart, [1 - i / 100 for i in range(50)], [0] * 50, max_num=3)
    assert sorted(rounds.run()[0].tolist())[:3] == [0, 1, 2]
    assert len(rounds.waiting) == 50 - 1 - 6  # the first, and twice max_num


def test_a_group_picks_at_most_max_num():
    rounds = make_rounds([[10 * i, 10 * i + 1] for i in range(9)], [0.5] * 9,
                         [0] * 9,
                         max_num=4)
    assert rounds.run()[0].tolist() == [0, 1, 2, 3]


def test_tables_hold_every_candidate_once_without_much_padding(monkeypatch):
    monkeypatch.setattr(nms_rounds, 'SMALL_TABLE', 16)
    rng = torch.Generator().manual_seed(0)
    sizes = [40, 35, 9, 8, 3, 1, 1, 1]
    groups = [row for row, size in enumerate(sizes) for _ in range(size)]
    scores = torch.rand(len(groups), generator=rng).tolist()
    rounds = make_rounds([[0, 1]] * len(groups), scores, groups)
    tables = list(rounds._tables(torch.arange(len(groups))))
    assert torch.cat([t[0] for t in tables]).tolist() == [*range(len(groups))]
    assert len(tables) == 3
    for members, (rows, columns), table in tables:
        assert torch.equal(table[3, rows, columns], rounds.scores[members])
        assert (table[3] > -math.inf).sum() == len(members)
        # each row but for the blank, and no two groups in a row
        same = rows[1:] == rows[:-1]
        assert torch.equal(same, rounds.groups[members].diff() == 0)
        assert table[0, :, :-1].numel() <= max(4 * len(members), 16)
