import pytest
from mmengine.evaluator import Evaluator
from test_tad_map_metric import NAMES, sample

from dyfadet_mm.registry import METRICS


def evaluate(samples, *metrics):
    """Run several metrics as the test loop does."""
    evaluator = Evaluator([dict(each) for each in metrics])
    evaluator.dataset_meta = dict(classes=NAMES)
    evaluator.process(samples)
    return evaluator.evaluate(len(samples))


RECALL = dict(type='dyfadet_mm.TADRecallMetric')


@pytest.fixture
def samples():
    return [
        sample('v', [(0, 10, 0), (20, 30, 1)], [(0, 6, 0.9, 0)]),
        sample('w', [(5, 9, 1)], [(5, 9, 0.8, 1), (0, 1, 0.9, 1)]),
    ]


def test_values_by_hand(samples):
    out = evaluate(samples, dict(RECALL, tiou_thresholds=[0.5, 0.75]))
    # run: recalled at tIoU 0.6; jump: the second detection of w, of two
    assert out == {
        'tad/Recall@1x@0.50': 0.5,
        'tad/Recall@1x@0.75': 0.,
        'tad/average_Recall@1x': 0.25,
        'tad/Recall@5x@0.50': 0.75,
        'tad/Recall@5x@0.75': 0.25,
        'tad/average_Recall@5x': 0.5
    }


def test_stands_beside_map(samples):
    both = evaluate(samples, dict(type='dyfadet_mm.TADMapMetric'), RECALL)
    assert len(both) == 6 + 12
    assert both['tad/Recall@1x@0.10'] == 0.5
    assert both['tad/mAP@0.50'] == pytest.approx((1 + 0.25) / 2)


def test_a_video_seen_twice_counts_once(samples):
    once = evaluate(samples, RECALL)
    metric = METRICS.build(RECALL)
    metric.process(None, [s.to_dict() for s in samples + samples])
    twice = metric.compute_metrics(metric.results)
    assert {f'tad/{name}': value for name, value in twice.items()} == once


@pytest.mark.parametrize('change, message', [
    (dict(ks=[0]), 'ks must be whole numbers'),
    (dict(tiou_thresholds=[50]), 'tiou_thresholds must be numbers'),
])
def test_bad_arguments_are_refused_at_once(change, message):
    with pytest.raises(ValueError, match=message):
        METRICS.build(dict(RECALL, **change))
