import numpy as np

from dyfadet_mm.evaluation.functional.inputs import (collect_detections,
                                                     collect_ground_truth,
                                                     rank_videos)


def test_videos_are_ranked_by_name_whatever_their_order():
    first = rank_videos(['b', 'a'], ['c'])
    assert first == rank_videos(['c'], ['a', 'b']) == dict(a=0, b=1, c=2)


def test_detections_are_sorted_by_class_then_score():
    predictions = dict(
        b=dict(segments=[[4, 5], [0, 1]], scores=[0.5, 0.9], labels=[1, 0]),
        a=dict(segments=[[2, 3], [2, 8]], scores=[0.5, 0.5], labels=[1, 1]))
    columns = collect_detections(predictions, dict(a=0, b=1))
    assert columns.labels.tolist() == [0, 1, 1, 1]
    assert columns.scores.tolist() == [0.9, 0.5, 0.5, 0.5]
    assert columns.videos.tolist() == [1, 0, 0, 1]
    assert columns.segments[:, 1].tolist() == [1, 3, 8, 5]


def test_actions_are_deduplicated_by_video_and_class():
    actions = dict(segments=[[3, 4], [3, 4], [3, 4], [1, 1]])
    ground_truth = dict(
        v=dict(actions, labels=[0, 0, 1, 0]),
        w=dict(actions, labels=[0, 0, 0, 0]))
    ranks = dict(v=0, w=1)
    kept = collect_ground_truth(ground_truth, ranks, deduplicate=True)
    assert kept.videos.tolist() == [0, 1, 0]
    assert kept.labels.tolist() == [0, 0, 1]
    every = collect_ground_truth(ground_truth, ranks, deduplicate=False)
    assert len(every) == 8


def test_arrays_passed_in_are_left_alone():
    segments = np.array([[5., 6.], [1., 2.]])
    video = dict(segments=segments, labels=np.array([1, 0]))
    collect_ground_truth(dict(v=video), dict(v=0), deduplicate=True)
    assert segments.tolist() == [[5, 6], [1, 2]]
