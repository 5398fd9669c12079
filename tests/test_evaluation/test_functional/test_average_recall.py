import numpy as np
import pytest
from hypothesis import given, settings
from mmaction.evaluation import average_recall_at_avg_proposals
from slow_average_recall import slow_average_recall
from test_average_precision import (actions, detections, flawed_truths,
                                    ground_truths, predicted)

from dyfadet_mm.evaluation import tad_average_recall

THRESHOLDS = [0.3, 0.5, 0.7]
ACTIVITYNET = np.linspace(0.5, 0.95, 10)


@settings(deadline=None, max_examples=200)
@given(predicted, flawed_truths)
def test_equals_the_slow_definition(predictions, ground_truth):
    fast = tad_average_recall(predictions, ground_truth, THRESHOLDS)
    slow = [
        slow_average_recall(predictions, ground_truth, threshold)
        for threshold in THRESHOLDS
    ]
    assert np.allclose(fast['recall'], slow, rtol=0, atol=1e-12)
    mean = np.mean(slow, axis=0)
    assert np.allclose(fast['average_recall'], mean, rtol=0, atol=1e-12)
    area = sum((a + b) / 2 for a, b in zip(mean, mean[1:])) / 100
    assert fast['AUC'] == pytest.approx(area)


def random_videos(rng, num_videos, max_proposals):
    """Actions and proposals near them, as both implementations take them."""
    truth, found = {}, {}
    for video in range(num_videos):
        start = rng.uniform(0, 60, rng.integers(1, 6))
        own = np.stack([start, start + rng.uniform(1, 40, len(start))], 1)
        near = own[rng.integers(len(own), size=rng.integers(max_proposals))]
        near = near + rng.normal(0, 4, near.shape)
        near = np.sort(near, axis=1)
        scores = rng.random(len(near))
        truth[f'v{video}'] = dict(segments=own, labels=np.arange(len(own)))
        found[f'v{video}'] = dict(
            segments=near,
            scores=scores,
            labels=rng.integers(3, size=len(near)))
    return truth, found


@pytest.mark.parametrize('num_videos, max_proposals', [(1, 30), (7, 60),
                                                       (12, 400)])
@pytest.mark.parametrize('seed', range(4))
def test_equals_mmaction(monkeypatch, seed, num_videos, max_proposals):
    # MMAction2 1.2 calls a name that NumPy 2.4 no longer has
    monkeypatch.setattr(
        np, 'trapz', getattr(np, 'trapezoid', None) or np.trapz, raising=False)
    rng = np.random.default_rng(seed)
    truth, found = random_videos(rng, num_videos, max_proposals)
    ours = tad_average_recall(found, truth, ACTIVITYNET)
    recall, average_recall, number, auc = average_recall_at_avg_proposals(
        {
            k: v['segments']
            for k, v in truth.items()
        }, {
            k: np.c_[v['segments'], v['scores']]
            for k, v in found.items()
        },
        sum(len(v['scores']) for v in found.values()),
        max_avg_proposals=100,
        temporal_iou_thresholds=ACTIVITYNET)
    assert np.allclose(number, np.arange(1, 101))
    assert recall.any() and not recall.all()
    assert np.allclose(ours['recall'], recall, rtol=0, atol=1e-12)
    assert np.allclose(ours['average_recall'], average_recall, rtol=0)
    assert ours['AUC'] == pytest.approx(auc / 100, rel=1e-9)


def proposals(*rows):
    """Rows of (start, end, score)."""
    return detections(*((*row, 0) for row in rows))


def test_on_paper():
    truth = dict(v=actions((0, 10, 3), (20, 30, 5)), w=actions((0, 4, 1)))
    # tIoU 1 at the second rank of v, 0.6 at its third; w at its first
    found = dict(
        v=proposals((50, 60, .9), (0, 10, .8), (20, 26, .7)),
        w=proposals((0, 4, .1)))
    out = tad_average_recall(found, truth, [0.5, 0.75])
    # 2 videos and 4 proposals: AN = 1 takes half of each video's, AN = 2 all
    assert out['recall'][:, 0] == pytest.approx([0, 0])
    assert out['recall'][:, 1] == pytest.approx([1, 2 / 3])
    assert out['recall'][:, 99] == pytest.approx([1, 2 / 3])
    mean = (1 + 2 / 3) / 2
    assert out['AUC'] == pytest.approx((mean / 2 + 98 * mean) / 100)
    assert (out['num_gt'], out['num_proposals']) == (3, 4)


def test_labels_are_ignored_and_a_segment_counts_once():
    truth = dict(v=actions((0, 10, 0)))
    twice = dict(
        v=detections((5, 9, .8, 0), (5, 9, .7, 1), (0, 10, .6, 4), (0, 1, .1,
                                                                    4)))
    once = dict(v=proposals((5, 9, .8), (0, 10, .6), (0, 1, .1)))
    out = tad_average_recall(twice, truth, [0.5])
    expected = tad_average_recall(once, truth, [0.5])
    assert out['recall'].tolist() == expected['recall'].tolist()
    assert out['num_proposals'] == 3
    assert out['recall'][0, :2].tolist() == [0, 1]


def test_reversed_actions_count_and_are_never_recalled():
    truth = dict(v=actions((0, 10, 0), (30, 20, 0)), w=actions((9, 8, 0)))
    found = dict(
        v=proposals((0, 10, .9), (20, 30, .8)), w=proposals((8, 9, .5)))
    out = tad_average_recall(found, truth, [0.5])
    assert out['recall'][0, -1] == pytest.approx(1 / 3)
    assert out['num_gt'] == 3


def test_videos_without_actions_change_nothing():
    truth = dict(v=actions((0, 10, 0)))
    found = dict(v=proposals((0, 9, .5), (20, 30, .9)))
    out = tad_average_recall(found, truth, THRESHOLDS)
    more = tad_average_recall(
        dict(found, w=proposals(*[(i, i + 1, .9) for i in range(500)])),
        dict(truth, w=actions()), THRESHOLDS)
    assert more['recall'].tolist() == out['recall'].tolist()


@settings(deadline=None)
@given(predicted, ground_truths)
def test_more_proposals_and_lower_thresholds_recall_no_less(
        predictions, ground_truth):
    out = tad_average_recall(predictions, ground_truth, THRESHOLDS)
    assert (np.diff(out['recall'], axis=1) >= 0).all()
    assert (np.diff(out['recall'], axis=0) <= 0).all()
    assert 0 <= out['AUC'] <= 0.99


def test_nothing_there_scores_0():
    for found in ({}, dict(v=proposals((0, 1, .5)))):
        for truth in ({}, dict(w=actions((0, 1, 0)))):
            out = tad_average_recall(found, truth, [0.5])
            assert not out['recall'].any() and out['AUC'] == 0


def test_bad_thresholds_are_refused():
    with pytest.raises(ValueError, match='tiou_thresholds must be numbers'):
        tad_average_recall({}, {}, [50])
