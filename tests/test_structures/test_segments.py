import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dyfadet_mm.structures import (grid_to_seconds, offset_iou,
                                   seconds_to_grid, segment_iou)


def test_iou_by_hand():
    a = torch.tensor([[0., 4.], [5., 5.]])
    b = torch.tensor([[2., 6.], [0., 4.], [4., 8.]])
    expected = torch.tensor([[1 / 3, 1., 0.], [0., 0., 0.]])
    assert torch.allclose(segment_iou(a, b), expected)


def test_iou_of_an_empty_union_is_zero():
    point = torch.tensor([[3., 3.]])
    assert segment_iou(point, point).tolist() == [[0.]]


def test_iou_of_no_segments_is_empty():
    assert segment_iou(torch.zeros(0, 2), torch.ones(3, 2)).shape == (0, 3)


@given(
    st.lists(st.tuples(st.integers(-20, 20), st.integers(0, 20)), min_size=1))
def test_iou_is_symmetric_within_0_and_1(pairs):
    segments = torch.tensor([(s, s + n) for s, n in pairs]).float()
    iou = segment_iou(segments, segments)
    assert torch.equal(iou, iou.T)
    assert iou.min() >= 0 and iou.max() <= 1


@pytest.mark.parametrize('kind', [torch.tensor, np.array])
def test_conversion_by_hand(kind):
    # at 30 fps, 2 s is frame 60; the window of cell 13 is [52, 68)
    grid = seconds_to_grid(kind([[2., 3.]]), 30., 4, 16)
    assert isinstance(grid, type(kind([1.])))
    assert grid.tolist() == [[13., 20.5]]
    assert grid_to_seconds(grid, 30., 4, 16).tolist() == [[2., 3.]]


@pytest.mark.parametrize('kind', [torch.tensor, np.array])
def test_seconds_are_clamped_to_the_video(kind):
    out = grid_to_seconds(kind([[-3., 20.]]), 30., 4, 16, duration=2.5)
    assert out.tolist() == [[0., 2.5]]


def test_starts_before_the_first_window_stay_negative():
    assert seconds_to_grid(np.zeros(1), 30., 4, 16).tolist() == [-2.]


@given(
    st.floats(0, 1e4), st.floats(1, 60), st.integers(1, 64),
    st.integers(1, 64))
def test_conversion_round_trip(second, fps, stride, num_frames):
    time = np.array([second])
    grid = seconds_to_grid(time, fps, stride, num_frames)
    back = grid_to_seconds(grid, fps, stride, num_frames)
    assert np.allclose(back, time, rtol=1e-9, atol=1e-9)


def test_iou_of_offsets_by_hand():
    """(-1, 3) and (-2, 2) share 3 of 5; nothing is shared with nothing."""
    iou = offset_iou(
        torch.tensor([[1., 3.], [0., 0.]]), torch.tensor([[2., 2.], [0., 0.]]))
    assert iou.tolist() == pytest.approx([3 / 5, 0.])
