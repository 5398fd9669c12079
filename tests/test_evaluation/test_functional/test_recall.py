import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_recall import slow_tad_recall
from test_average_precision import (actions, detections, flawed_truths,
                                    predicted)

from dyfadet_mm.evaluation import tad_recall

THRESHOLDS = [0.1, 0.3, 0.5]


@settings(deadline=None, max_examples=300)
@given(predicted, flawed_truths, st.booleans())
def test_equals_the_slow_definition(predictions, ground_truth, deduplicate):
    fast = tad_recall(predictions, ground_truth, THRESHOLDS, (1, 2, 5),
                      deduplicate)
    slow = slow_tad_recall(predictions, ground_truth, THRESHOLDS, (1, 2, 5),
                           deduplicate)
    assert fast['labels'].tolist() == list(slow)
    expected = np.array(list(slow.values())).reshape(-1, 3, 3)
    assert np.allclose(
        fast['class_recall'].transpose(2, 0, 1), expected, rtol=0, atol=1e-12)
    mean = expected.mean(0) if len(expected) else np.zeros((3, 3))
    assert np.allclose(fast['recall'], mean, rtol=0, atol=1e-12)
    assert np.allclose(fast['average_recall'], mean.mean(1), rtol=0)


@settings(deadline=None)
@given(predicted, flawed_truths)
def test_more_detections_recall_no_less(predictions, ground_truth):
    out = tad_recall(predictions, ground_truth, THRESHOLDS, (1, 2, 3))
    assert (np.diff(out['class_recall'], axis=0) >= 0).all()
    assert (np.diff(out['class_recall'], axis=1) <= 0).all()


def recall_of(found, truth, threshold=0.5, ks=(1, 5)):
    out = tad_recall(found, truth, [threshold], ks)
    return out['recall'][:, 0].tolist()


def test_recall_on_paper():
    truth = dict(
        v=actions((0, 10, 0), (20, 30, 0), (40, 50, 1)), w=actions((0, 4, 0)))
    found = dict(
        v=detections((0, 10, 0.9, 0), (60, 70, 0.8, 0), (20, 30, 0.7,
                                                         0), (0, 5, 0.9,
                                                              1), (40, 50, 0.1,
                                                                   1)))
    # class 0 has 2 of v's detections at 1x: one of three actions, then two;
    # class 1 has one detection at 1x, which misses
    assert recall_of(found, truth) == pytest.approx([1 / 6, (2 / 3 + 1) / 2])


def test_one_detection_may_recall_several_actions():
    truth = dict(v=actions((0, 10, 0), (1, 11, 0)))
    assert recall_of(dict(v=detections((0, 11, 0.9, 0))), truth) == [1, 1]


def test_the_quota_is_that_of_video_and_class():
    # two actions in w must not let v have two detections
    truth = dict(v=actions((0, 10, 0)), w=actions((0, 9, 0), (20, 29, 0)))
    found = dict(v=detections((50, 60, 0.9, 0), (0, 10, 0.8, 0)))
    assert recall_of(found, truth, ks=(1, 2)) == pytest.approx([0, 1 / 3])


def test_reversed_actions_count_and_are_never_recalled():
    # two actions let two detections count; one can be recalled
    truth = dict(v=actions((20, 10, 0), (0, 9, 0)))
    found = dict(v=detections((10, 20, 0.9, 0), (0, 9, 0.8, 0)))
    assert recall_of(found, truth, ks=(1, 2)) == [0.5, 0.5]


def test_a_class_that_is_never_detected_counts_as_0():
    truth = dict(v=actions((0, 10, 0), (0, 10, 1)))
    found = dict(v=detections((0, 10, 0.9, 0), (0, 10, 0.9, 7)))
    assert recall_of(found, truth) == [0.5, 0.5]


def test_nothing_there_scores_0():
    assert recall_of({}, {}) == [0, 0]
    assert recall_of(dict(v=detections((0, 1, 0.5, 0))), {}) == [0, 0]


@pytest.mark.parametrize('ks', [(), (0, ), (1, 2.5), (True, ), 3])
def test_bad_ks_are_refused(ks):
    with pytest.raises(ValueError, match='ks must be whole numbers'):
        tad_recall({}, {}, [0.5], ks)
