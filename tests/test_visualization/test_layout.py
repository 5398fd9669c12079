import math

import torch

from dyfadet_mm.visualization.layout import lay_out


def video(*rows, **kwargs):
    """Detections (start, end, score)."""
    return dict(
        video_id='v',
        duration=30,
        segments=[row[:2] for row in rows],
        scores=[row[2] for row in rows],
        labels=[0] * len(rows),
        **kwargs)


def options(**kwargs):
    return {**dict(score_thr=0.3, max_detections=None, max_lanes=6), **kwargs}


def test_overlapping_detections_get_lanes_by_score():
    rows = [(0, 4, 0.5), (2, 6, 0.9), (4, 8, 0.6), (6, 9, 0.4)]
    group, = lay_out(video(*rows), **options()).groups
    # 0.9 is first; 0.6 overlaps it; 0.5 and 0.6 only touch; 0.4 fits beside
    assert group.scores.tolist() == [0.9, 0.6, 0.5, 0.4]
    assert group.lanes == [0, 1, 1, 0]


def test_low_scores_and_surplus_detections_are_left_out():
    rows = [(0, 1, 0.29), (2, 3, 0.3), (4, 5, 0.8), (6, 7, 0.5)]
    group, = lay_out(video(*rows), **options(max_detections=2)).groups
    assert group.scores.tolist() == [0.8, 0.5]


def test_what_fits_no_lane_is_counted():
    rows = [(0, 5, 0.9), (1, 5, 0.8), (2, 5, 0.7), (6, 7, 0.6)]
    layout = lay_out(video(*rows), **options(max_lanes=2))
    assert layout.num_hidden == 1
    assert layout.groups[0].scores.tolist() == [0.9, 0.8, 0.6]


def test_what_is_not_drawn_is_counted_by_reason():
    rows = [(0, 5, 0.9), (1, 5, 0.8), (6, 7, 0.6), (8, 9, 0.5), (8, 9, 0.1)]
    layout = lay_out(
        video(*rows, gt_segments=[[3, 2], [4, 6]], gt_labels=[0, 1]),
        **options(max_lanes=1, max_detections=3))
    assert layout.note == (
        '1 ending before they start, 1 more overlapping, 1 below score 0.3, '
        '1 beyond the best 3, not drawn')
    assert layout.groups[0].segments.tolist() == [[4, 6]]
    assert lay_out(video((0, 5, 0.9)), **options()).note == ''


def test_ground_truth_comes_first_and_ignores_scores():
    layout = lay_out(
        video((0, 1, 0.9),
              gt_segments=torch.tensor([[8., 9.], [0., 3.]]),
              gt_labels=torch.tensor([2, 1])), **options())
    truth, found = layout.groups
    assert truth.scores is None and truth.labels.tolist() == [1, 2]
    assert found.name == 'detections'


def test_unknown_duration_ends_with_the_last_segment():
    endless = dict(video((3, 17, 0.9)), duration=math.inf)
    assert lay_out(endless, **options()).duration == 17
    assert lay_out(dict(video_id='v'), **options()).duration == 1


def test_more_lanes_take_more_room():
    low = lay_out(video((0, 4, 0.5)), **options())
    high = lay_out(video((0, 4, 0.5), (1, 5, 0.4)), **options())
    assert high.height > low.height
