import json
import math

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData

from dyfadet_mm.evaluation import tad_map
from dyfadet_mm.registry import METRICS

NAMES = ('run', 'jump', 'swim')


def sample(video_id, truth, found):
    """Rows of (start, end, label) and of (start, end, score, label)."""
    truth = np.array(truth, dtype=float).reshape(-1, 3)
    found = torch.tensor(found, dtype=torch.float).reshape(-1, 4)
    out = ActionDataSample(
        metainfo=dict(
            video_id=video_id,
            gt_segments=truth[:, :2],
            gt_labels=truth[:, 2].astype(np.int64)))
    out.pred_instances = InstanceData(
        segments=found[:, :2], scores=found[:, 2], labels=found[:, 3].long())
    return out


def evaluate(samples, size=None, classes=NAMES, **kwargs):
    """Run the metric as the test loop does, in batches of two."""
    evaluator = Evaluator(dict(type='dyfadet_mm.TADMapMetric', **kwargs))
    evaluator.dataset_meta = dict(classes=classes)
    for i in range(0, len(samples), 2):
        evaluator.process(samples[i:i + 2])
    return evaluator.evaluate(size or len(samples))


@pytest.fixture
def samples():
    return [
        sample('v', [(0, 10, 0), (20, 30, 1)], [(0, 6, 0.9, 0)]),
        sample('w', [(5, 9, 1)], [(5, 9, 0.8, 1), (0, 1, 0.9, 1)]),
        sample('x', [], [(0, 1, 0.3, 0)]),
    ]


def test_values_are_those_of_the_pure_function(samples):
    out = evaluate(samples, tiou_thresholds=[0.5, 0.75])
    predictions = {s.video_id: s.pred_instances.to_dict() for s in samples}
    truth = {
        s.video_id: dict(segments=s.gt_segments, labels=s.gt_labels)
        for s in samples
    }
    expected = tad_map(predictions, truth, [0.5, 0.75])
    assert list(out) == ['tad/mAP@0.50', 'tad/mAP@0.75', 'tad/average_mAP']
    assert list(out.values())[:2] == expected['mAP'].tolist()
    # run: 1 then 0; jump: one of two actions found as second detection
    assert out['tad/mAP@0.50'] == pytest.approx((1 + 0.25) / 2)
    assert out['tad/mAP@0.75'] == pytest.approx(0.25 / 2)
    assert out['tad/average_mAP'] == pytest.approx(0.375)


def test_perfect_detections_score_1_at_five_thresholds():
    out = evaluate([sample('v', [(1, 4, 2)], [(1, 4, 0.1, 2)])])
    assert list(out) == [
        'tad/mAP@0.30', 'tad/mAP@0.40', 'tad/mAP@0.50', 'tad/mAP@0.60',
        'tad/mAP@0.70', 'tad/average_mAP'
    ]
    assert set(out.values()) == {1.}


def test_a_video_seen_twice_counts_once(samples):
    assert evaluate(samples + samples[:1]) == evaluate(samples)


def test_no_detections_score_0():
    out = evaluate([sample('v', [(1, 4, 2)], [])])
    assert set(out.values()) == {0.}


def test_the_table_names_classes(samples, log):
    evaluate(samples)
    assert '| run ' in log.text and '| jump ' in log.text
    assert '| swim' not in log.text  # it has no action


def test_detections_are_written_and_written_again(samples, tmp_path):
    path = tmp_path / 'predictions.json'
    for _ in range(2):
        evaluate(samples, out_file=str(path))
    results = json.loads(path.read_text())['results']
    assert list(results) == ['v', 'w', 'x']
    assert results['w'][0] == dict(label='jump', segment=[5, 9], score=0.8)


def test_a_foreign_out_file_is_refused_at_once(tmp_path):
    path = tmp_path / 'notes.txt'
    path.write_text('precious')
    with pytest.raises(FileExistsError, match='notes.txt'):
        METRICS.build(dict(type='dyfadet_mm.TADMapMetric', out_file=str(path)))


def test_bad_thresholds_are_refused_at_once():
    with pytest.raises(ValueError, match='tiou_thresholds must be numbers'):
        METRICS.build(
            dict(type='dyfadet_mm.TADMapMetric', tiou_thresholds=[50]))


@pytest.mark.parametrize('row, field', [((0, 1, math.nan, 0), 'scores'),
                                        ((0, math.inf, 1, 0), 'segments')])
def test_detections_that_are_not_finite_stop_the_test(row, field, tmp_path):
    path = tmp_path / 'predictions.json'
    bad = sample('w', [(5, 9, 1)], [(5, 9, 0.8, 1), row])
    message = f"{field} of predictions.'w'. must be .*; see whether"
    with pytest.raises(ValueError, match=message):
        evaluate([sample('v', [], []), bad], out_file=str(path))
    assert not path.exists()


def test_reversed_actions_count_as_missed(log):
    out = evaluate([sample('v', [(1, 4, 2), (9, 5, 2)], [(1, 4, 0.1, 2)])])
    assert set(out.values()) == {0.5}
    assert '1 of 2 annotated actions end before they start' in log.text


def test_samples_without_ground_truth_are_refused():
    metric = METRICS.build(dict(type='dyfadet_mm.TADMapMetric'))
    bare = sample('v', [], []).to_dict()
    del bare['gt_segments']
    with pytest.raises(KeyError, match=r"\['gt_segments'\].*PackTADInputs"):
        metric.process(None, [bare])


def test_classes_without_names_are_numbered(samples, log):
    evaluate(samples, classes=None)
    assert '| class_0 ' in log.text
