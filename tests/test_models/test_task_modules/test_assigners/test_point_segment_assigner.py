import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dyfadet_mm.models import PointGenerator, PointSegmentAssigner

WIDE = [(0, 1e4)]


def assign(segments, labels, lengths, ranges, num_classes=3, **kwargs):
    points = PointGenerator(ranges)(lengths, 'cpu')
    target = PointSegmentAssigner(**kwargs).assign(
        points,
        torch.tensor(segments).float().reshape(-1, 2),
        torch.tensor(labels, dtype=torch.long), num_classes)
    return points, target


def positive(target):
    return target.labels.any(1).nonzero()[:, 0].tolist()


def test_timeline_of_two_overlapping_actions():
    """Levels of stride 1 and 2, ranges [0, 2] and [2, 8].

    ::

        cell      0   1   2   3   4   5   6   7   8
        A, 0          [---------------]                centre 3
        B, 1              [-----------------------]    centre 5
        level 0   .   .   .   A   .   .   .   .
        level 1   .       A       A       B

    Level 0: from 3, the ends of A are 2 away, in range; from 2 and 4, the
    farther one is 3 away. Level 1: 2 is the start of B, not inside it; 4 is
    in both, and A is shorter.
    """
    _, target = assign([(1, 5), (2, 8)], [0, 1], [8, 4], [(0, 2), (2, 8)])
    zero, a, b = [0, 0, 0], [1, 0, 0], [0, 1, 0]
    assert target.labels.tolist() == [
        zero, zero, zero, a, zero, zero, zero, zero, zero, a, a, b
    ]
    assert target.segments[[3, 9, 10, 11]].tolist() == [[1, 5], [1, 5], [1, 5],
                                                        [2, 8]]


def test_order_of_the_actions_is_irrelevant():
    one = assign([(1, 5), (2, 8)], [0, 1], [8, 4], [(0, 2), (2, 8)])[1]
    two = assign([(2, 8), (1, 5)], [1, 0], [8, 4], [(0, 2), (2, 8)])[1]
    assert torch.equal(one.labels, two.labels)
    chosen = one.labels.any(1)
    assert torch.equal(one.segments[chosen], two.segments[chosen])


@pytest.mark.parametrize('span, expected', [
    ((0, 2), [4]),
    ((2, 9), [3, 4, 5]),
    ((2, 2), [4]),
    ((0, 1.99), []),
    ((2.01, 2.99), []),
    ((3, 3), [3, 5]),
])
def test_both_ends_of_a_range_are_included(span, expected):
    """The ends of (2, 6) are 3, 2, 3 away from the cells 3, 4, 5."""
    _, target = assign([(2, 6)], [1], [9], [span])
    assert positive(target) == expected


def test_points_on_the_ends_of_an_action_are_outside():
    _, target = assign([(2, 5)], [0], [8], WIDE, center_radius=None)
    assert positive(target) == [3, 4]


@pytest.mark.parametrize('radius, expected', [
    (None, list(range(1, 20))),
    (1.5, [9, 10, 11]),
    (1., [10]),
    (2.5, [8, 9, 10, 11, 12]),
])
def test_radius_around_the_centre_is_strict_and_in_strides(radius, expected):
    _, target = assign([(0, 20)], [0], [21], WIDE, center_radius=radius)
    assert positive(target) == expected
    # twice as far on the next level: cells 0, 2, ..., 40
    _, target = assign([(0, 40)], [0], [1, 21], [(99, 99), (0, 1e4)],
                       center_radius=radius)
    assert positive(target) == [1 + cell for cell in expected]


@pytest.mark.parametrize('end, expected', [
    (6., [1, 1, 0]),
    (6.0005, [1, 1, 0]),
    (6.002, [1, 0, 0]),
    (5.9995, [1, 1, 0]),
    (5.998, [0, 1, 0]),
])
def test_actions_as_long_as_the_shortest_give_their_class_too(end, expected):
    _, target = assign([(2, 6), (2, end)], [0, 1], [9], WIDE)
    assert target.labels[4].tolist() == expected
    shorter = [2, 6] if end >= 6 else [2, pytest.approx(end)]
    assert target.segments[4].tolist() == shorter


def test_a_repeated_action_gives_its_class_once():
    _, target = assign([(2, 6)] * 3, [2, 2, 2], [9], WIDE)
    assert target.labels[4].tolist() == [0, 0, 1]


def test_an_equally_long_action_elsewhere_does_not_count():
    _, target = assign([(0, 4), (4, 8)], [0, 1], [9], WIDE)
    assert target.labels[2].tolist() == [1, 0, 0]
    assert target.labels[6].tolist() == [0, 1, 0]


def test_video_without_actions_has_no_positives():
    _, target = assign([], [], [6, 3], [(0, 4), (4, 8)])
    assert target.labels.shape == (9, 3) and not target.labels.any()
    assert target.segments.shape == (9, 2)


def test_an_action_of_no_length_has_no_points():
    _, target = assign([(3, 3)], [0], [8], WIDE)
    assert positive(target) == []


def slow_assign(points, segments, labels, num_classes, radius, tolerance):
    """Point by point, as model.md section 4 puts it."""
    rows, targets = [], []
    for position, (low,
                   high), stride in zip(*map(torch.Tensor.tolist, points)):
        inside = []
        for (start, end), label in zip(segments, labels):
            center = (start + end) / 2
            farther = max(position - start, end - position)
            if (start < position < end and low <= farther <= high
                    and abs(position - center) < radius * stride):
                inside.append((end - start, start, label))
        shortest = min(inside, default=(0, 0, 0))[0]
        row = [0] * num_classes
        for length, _, label in inside:
            if length <= shortest + tolerance:
                row[label] = 1
        rows.append(row)
        targets.append([(start, start + length) for length, start, _ in inside
                        if length == shortest])
    return rows, targets


EIGHTHS = st.integers(-8, 200).map(lambda x: x / 8)
ACTIONS = st.lists(
    st.tuples(EIGHTHS, EIGHTHS,
              st.integers(0, 2)).map(lambda x: (min(x[:2]), max(x[:2]), x[2])),
    max_size=6)


@settings(deadline=None, max_examples=60)
@given(
    actions=ACTIONS,
    length=st.integers(1, 24),
    radius=st.sampled_from([0.5, 1., 1.5, 100.]),
    tolerance=st.sampled_from([1e-3, 1.]),
    edges=st.lists(st.integers(0, 12), min_size=2, max_size=2))
def test_assigner_agrees_with_a_loop(actions, length, radius, tolerance,
                                     edges):
    segments, labels = [x[:2] for x in actions], [x[2] for x in actions]
    lengths = [-(-length // 2**level) for level in range(3)]
    first, second = sorted(edges)
    points, target = assign(
        segments,
        labels,
        lengths, [(0, first), (first, second), (second, 1e4)],
        center_radius=radius,
        length_tolerance=tolerance)
    rows, expected = slow_assign(points, segments, labels, 3, radius,
                                 tolerance)
    assert target.labels.tolist() == rows
    for row, ours, theirs in zip(rows, target.segments.tolist(), expected):
        assert not any(row) or tuple(ours) in theirs
