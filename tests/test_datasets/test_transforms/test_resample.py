import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyfadet_mm.datasets import (ResizeFeatures, SecondsToGrid, SpreadFeatures,
                                 SubsampleFeatures)
from dyfadet_mm.structures import grid_to_seconds


def _results(num_cells, stride=16., window=16., fps=30., **kwargs):
    """Features that say at which frame their cell has its centre."""
    centres = np.arange(num_cells) * stride + window / 2
    return dict(
        video_id='vid',
        feats=centres.astype(np.float32)[:, None].repeat(2, 1),
        feat_stride=stride,
        feat_num_frames=window,
        fps=fps,
        **kwargs)


def _centres(results):
    """Where the metainfo places the cells, in frames."""
    cells = np.arange(len(results['feats']))
    return cells * results['feat_stride'] + results['feat_num_frames'] / 2


@pytest.mark.parametrize('num_cells, rate', [(1, 1), (2304, 1), (2305, 2),
                                             (4607, 2), (4608, 3), (6912, 4)])
def test_fineaction_by_hand(num_cells, rate):
    results = _results(num_cells)
    out = SubsampleFeatures(2304)(dict(results))
    assert out['feats'].tolist() == results['feats'][::rate].tolist()
    assert len(out['feats']) <= 2304
    assert out['feat_stride'] == 16 * rate
    assert out['feat_num_frames'] == 16
    assert results['feat_stride'] == 16


@given(
    num_cells=st.integers(1, 200),
    max_len=st.integers(1, 50),
    window=st.sampled_from([1., 16., 40.]))
def test_kept_cells_stay_in_their_place(num_cells, max_len, window):
    out = SubsampleFeatures(max_len)(_results(num_cells, window=window))
    assert 1 <= len(out['feats']) <= max(max_len, 1)
    assert out['feats'][:, 0].tolist() == _centres(out).tolist()


def test_resizing_by_hand():
    results = _results(4)
    out = ResizeFeatures(2)(dict(results))
    # cell 0 of 2 lies between 0 and 1 of 4, whose centres are frames 8 and 24
    assert out['feats'][:, 0].tolist() == [16, 48]
    assert (out['feat_stride'], out['feat_num_frames']) == (32, 32)
    assert _centres(out).tolist() == [16, 48]
    # (4 - 1) * 8 + 32 frames in 7 cells
    out = ResizeFeatures(7)(_results(4, 8., 32.))
    assert (out['feat_stride'], out['feat_num_frames']) == (8, 8)
    assert out['feats'].shape == (7, 2)
    assert out['feats'].dtype == np.float32
    assert out['feats'].flags.c_contiguous


@pytest.mark.parametrize('num_cells, length', [(5, 5), (8, 8), (9, 8)])
def test_only_longer_videos_are_resized_on_request(num_cells, length):
    out = ResizeFeatures(8, only_longer=True)(_results(num_cells, 4., 16.))
    assert len(out['feats']) == length
    assert (out['feat_stride'] == 4) is (num_cells <= 8)


grids = st.tuples(
    st.integers(1, 60), st.integers(1, 60), st.sampled_from([1., 4., 16.]),
    st.sampled_from([1., 4., 16., 32.]))


@settings(deadline=None)
@given(grid=grids)
def test_cells_show_what_lies_at_their_place(grid):
    """Up to the shift of the published rule, none where window = stride."""
    num_cells, length, stride, window = grid
    out = ResizeFeatures(length)(_results(num_cells, stride, window))
    share = (np.arange(length) + 0.5) / length
    shift = (window - stride) * (share - 0.5)
    # beyond the centres of the outer cells there is nothing to interpolate
    inner = (share * num_cells >= 0.5) & (share * num_cells <= num_cells - 0.5)
    np.testing.assert_allclose(
        out['feats'][inner, 0], (_centres(out) - shift)[inner],
        rtol=1e-5,
        atol=1e-3)
    assert abs(shift).max() <= abs(window - stride) / 2


@settings(deadline=None)
@given(
    grid=grids,
    start=st.floats(0, 60),
    length_s=st.floats(0, 60),
    fps=st.sampled_from([15., 29.97]))
def test_actions_come_back_from_the_resized_grid(grid, start, length_s, fps):
    num_cells, length, stride, window = grid
    seconds = np.array([[start, start + length_s]])
    results = _results(
        num_cells,
        stride,
        window,
        fps,
        segments_s=seconds,
        labels_s=np.array([0]))
    out = SecondsToGrid()(ResizeFeatures(length)(results))
    # float32 holds 1e-7 of a position, and cells may be very short
    size = np.abs(out['segments']).max() * out['feat_stride'] / fps
    found = grid_to_seconds(out['segments'].astype(np.float64), fps,
                            out['feat_stride'], out['feat_num_frames'])
    np.testing.assert_allclose(found, seconds, atol=1e-6 + 2e-7 * size)


def test_fixed_length_features_are_spread_by_hand():
    # 100 cells of a minute at 25 fps: 15 frames each
    results = _results(100, duration=60., fps=25.)
    results.update(feat_stride=None, feat_num_frames=None)
    out = SpreadFeatures()(results)
    assert (out['feat_stride'], out['feat_num_frames']) == (15, 15)
    assert _centres(out)[[0, -1]].tolist() == [7.5, 1492.5]
    # resized afterwards they still fill the minute
    out = ResizeFeatures(50)(out)
    assert (out['feat_stride'], out['feat_num_frames']) == (30, 30)


def test_unknown_duration_cannot_be_spread_over():
    with pytest.raises(ValueError, match="duration of video 'vid' must be"):
        SpreadFeatures()(_results(4, duration=math.inf))


@pytest.mark.parametrize('make', [SubsampleFeatures, ResizeFeatures])
def test_lengths_below_one_are_refused(make):
    with pytest.raises(ValueError, match='must be at least 1, but got 0'):
        make(0)
