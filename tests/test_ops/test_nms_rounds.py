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


@pytest.mark.parametrize('method, expected', [
    ('gaussian', [math.exp(-0.5), math.exp(-1 / 18), 1.]),
    ('linear', [0.5, 5 / 6, 1.]),
    ('hard', [0., 1., 1.]),
])
def test_factors_by_hand(method, expected):
    # tIoU of (0, 2) with each: 1/2, 1/6 and 0
    start, end = torch.tensor([[0., 4.], [1.5, 3.], [2., 8.]]).T
    pick = torch.tensor([2., 2., 0., 0.9])[:, None, None]
    factors = Decay(method, 0.5, 0.17 if method == 'hard' else 0.1, start)(
        (end - start)[None], torch.stack((end, -start))[:, None], pick)
    assert factors[0].tolist() == pytest.approx(expected)


def test_blanks_overlap_nothing():
    blank = torch.full((4, 1, 1), -math.inf)
    for method in ('gaussian', 'linear', 'hard'):
        factors = Decay(method, 0.5, 0.1, blank)(torch.tensor([[4.]]),
                                                 torch.tensor([[[4.]],
                                                               [[0.]]]), blank)
        assert factors.tolist() == [[1.]]


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
