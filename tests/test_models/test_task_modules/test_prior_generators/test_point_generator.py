import pytest
import torch

from dyfadet_mm.models import PointGenerator


def test_points_stand_on_every_2_to_the_l_th_cell_without_half_stride():
    points = PointGenerator([(0, 2), (1.5, 8), (8, 1e4)])([5, 3, 2], 'cpu')
    assert points.position.tolist() == [0, 1, 2, 3, 4] + [0, 2, 4] + [0, 4]
    assert points.stride.tolist() == [1] * 5 + [2] * 3 + [4] * 2
    ranges = [[0, 2]] * 5 + [[1.5, 8]] * 3 + [[8, 1e4]] * 2
    assert points.regression_range.tolist() == ranges


def test_an_offset_moves_all_points():
    plain, moved = (
        PointGenerator([(0, 2), (2, 8)], offset)([3, 2], 'cpu')
        for offset in (0., -0.5))
    assert moved.position.tolist() == (plain.position - 0.5).tolist()
    assert torch.equal(moved.stride, plain.stride)


def test_levels_are_joined_finest_first():
    points = PointGenerator([(0, 2), (2, 8)])([3, 2], 'cpu')
    assert points.position.tolist() == [0, 1, 2, 0, 2]
    assert points.stride.tolist() == [1, 1, 1, 2, 2]
    assert points.regression_range.shape == (5, 2)
    assert all(field.dtype == torch.float32 for field in points)


def test_one_cell_gives_one_point_per_level():
    generator = PointGenerator([(0, 2), (2, 8)])
    assert generator.num_levels == 2
    assert generator([1, 1], 'cpu').stride.tolist() == [1, 2]


def test_levels_without_a_range_are_refused():
    with pytest.raises(ValueError, match='each of the 3 levels, but got 2'):
        PointGenerator([(0, 2), (2, 8)])([4, 2, 1], 'cpu')


@pytest.mark.parametrize('pair', [(4, 2), (1, 2, 3), (1, )])
def test_ranges_must_be_shortest_and_longest(pair):
    with pytest.raises(ValueError, match=r'pairs \(shortest, longest\)'):
        PointGenerator([(0, 2), pair])
