import pytest
import torch
from device_waits import DeviceWaits

from dyfadet_mm.ops import host, segment_voting, voting


def test_average_by_hand():
    kept = torch.tensor([[0., 4.], [20., 24.]])
    candidates = torch.tensor([[0., 4.], [1., 5.], [3., 7.], [19., 24.]])
    scores = torch.tensor([0.6, 0.2, 0.9, 0.5])
    # tIoU of the first with each: 1, 3/5, 1/7, 0; of the second: 0 0 0 4/5
    out = segment_voting(kept, candidates, scores, 0.6)
    assert torch.allclose(out, torch.tensor([[0.25, 4.25], [19., 24.]]))


def test_votes_weigh_by_overlap_if_asked_to():
    """tIoU 1 and 3/5: weights 0.6 and 0.2 * 3/5."""
    kept = torch.tensor([[0., 4.]])
    candidates = torch.tensor([[0., 4.], [1., 5.], [3., 7.]])
    scores = torch.tensor([0.6, 0.2, 0.9])
    out = segment_voting(kept, candidates, scores, 0.6, by_iou=True)
    shift = 0.12 / 0.72
    assert torch.allclose(out, torch.tensor([[shift, 4 + shift]]))


def test_segment_without_match_stays():
    kept = torch.tensor([[0., 4.], [2., 2.]])
    out = segment_voting(kept, torch.tensor([[50., 60.]]), torch.ones(1), 0.5)
    assert torch.equal(out, kept)


def test_candidates_of_score_zero_do_not_vote():
    kept = torch.tensor([[0., 4.]])
    out = segment_voting(kept, torch.tensor([[0., 5.]]), torch.zeros(1), 0.5)
    assert torch.equal(out, kept)


@pytest.mark.parametrize('num_kept, num_candidates', [(0, 3), (3, 0), (0, 0)])
def test_empty_input_keeps_shape(num_kept, num_candidates):
    kept = torch.rand(num_kept, 2)
    out = segment_voting(kept, torch.rand(num_candidates, 2),
                         torch.rand(num_candidates), 0.5)
    assert torch.equal(out, kept)


def test_parts_give_what_the_whole_gives(monkeypatch):
    rng = torch.Generator().manual_seed(0)
    segments = torch.rand(60, 2, generator=rng).sort(1).values
    scores = torch.rand(60, generator=rng)
    whole = segment_voting(segments[:23], segments, scores, 0.5)
    monkeypatch.setattr(voting, 'MAX_PAIRS', 300)
    parts = segment_voting(segments[:23], segments, scores, 0.5)
    assert torch.allclose(parts, whole)


def average(start, end, candidates, scores, iou_threshold, by_iou):
    """What becomes of one segment, in Python's numbers."""
    votes = []
    for (low, high), score in zip(candidates.tolist(), scores.tolist()):
        inter = max(min(end, high) - max(start, low), 0)
        union = (end - start) + (high - low) - inter
        iou = inter / union if union > 0 else 0
        if iou >= iou_threshold:
            votes.append((score * iou if by_iou else score, low, high))
    total = sum(weight for weight, *_ in votes)
    if not total:
        return start, end
    return [
        sum(vote[0] * vote[side] for vote in votes) / total for side in (1, 2)
    ]


@pytest.mark.parametrize('by_iou', [False, True])
@pytest.mark.parametrize('iou_threshold', [-1., 0., 0.4, 0.9, 1.])
def test_equals_a_loop_over_all_pairs(iou_threshold, by_iou):
    rng = torch.Generator().manual_seed(1)
    segments = torch.rand(400, 2, generator=rng).sort(1).values
    segments[::3] += 2  # apart from the others
    segments[::7, 1] = segments[::7, 0]
    scores = torch.rand(400, generator=rng)
    args = segments[:100], segments, scores, iou_threshold, by_iou
    expected = [
        average(start, end, segments, scores, iou_threshold, by_iou)
        for start, end in segments[:100].tolist()
    ]
    out = segment_voting(*args)
    assert torch.allclose(out, torch.tensor(expected))


def test_half_precision_is_computed_in_float32():
    rng = torch.Generator().manual_seed(1)
    segments = torch.rand(40, 2, generator=rng).sort(1).values.half()
    scores = torch.rand(40, generator=rng).half()
    out = segment_voting(segments[:10], segments, scores, 0.5)
    expected = segment_voting(segments[:10].float(), segments.float(),
                              scores.float(), 0.5)
    assert out.dtype == torch.half and torch.equal(out, expected.half())


def test_numbers_of_a_device_come_in_one_copy(monkeypatch):
    segments, scores = torch.rand(40, 2).sort(1).values, torch.rand(40)
    expected = segment_voting(segments[:10], segments, scores, 0.5)
    monkeypatch.setattr(host, 'is_on_host', lambda tensor: False)
    with DeviceWaits() as waits:
        out = segment_voting(segments[:10], segments, scores, 0.5)
    assert waits.waits['cpu'] == 1 and torch.equal(out, expected)


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match='as many as candidates, 2, but'):
        segment_voting(torch.rand(1, 2), torch.rand(2, 2), torch.rand(3), 0.5)
