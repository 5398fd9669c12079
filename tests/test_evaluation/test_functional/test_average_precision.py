import math

import numpy as np
import pytest
import torch
from drawn_videos import (action, actions, detections, ground_truths,
                          predicted, videos)
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_map import slow_tad_map

from dyfadet_mm.evaluation import tad_map
from dyfadet_mm.evaluation.functional import overlaps

THRESHOLDS = [0.3, 0.5, 0.7]


def ap_at(predictions, ground_truth, threshold=0.5, **kwargs):
    out = tad_map(predictions, ground_truth, [threshold], **kwargs)
    return out['AP'][0].tolist()


# annotations as the world has them: some end before they start
flawed_action = st.tuples(action, st.integers(
    0, 4)).map(lambda a: (a[0][1], a[0][0], a[0][2]) if not a[1] else a[0])
flawed_truths = st.dictionaries(
    videos,
    st.lists(flawed_action, max_size=6).map(lambda a: actions(*a)))


@settings(deadline=None, max_examples=300)
@given(predicted, flawed_truths, st.booleans())
def test_equals_the_slow_definition(predictions, ground_truth, deduplicate):
    fast = tad_map(predictions, ground_truth, THRESHOLDS, deduplicate)
    slow = slow_tad_map(predictions, ground_truth, THRESHOLDS, deduplicate)
    assert fast['labels'].tolist() == list(slow)
    expected = np.array(list(slow.values())).reshape(-1, 3).T
    assert np.abs(fast['AP'] - expected).max(initial=0) <= 1e-12


@settings(deadline=None)
@given(predicted, flawed_truths)
def test_raw_ids_are_those_of_the_published_code(predictions, ground_truth):
    # it writes new numbers over the labels of both, where there is one
    present = sorted({n for c in ground_truth.values() for n in c['labels']})
    number = {label: i for i, label in enumerate(present)}

    def renumber(videos):
        return {
            video: dict(c, labels=[number.get(n, n) for n in c['labels']])
            for video, c in videos.items()
        }

    fast = tad_map(
        predictions, ground_truth, THRESHOLDS, deduplicate=False, raw_ids=True)
    slow = slow_tad_map(
        renumber(predictions), renumber(ground_truth), THRESHOLDS, False)
    assert fast['labels'].tolist() == present
    expected = np.array(list(slow.values())).reshape(-1, 3).T
    assert np.abs(fast['AP'] - expected).max(initial=0) <= 1e-12


def test_a_raw_id_counts_for_the_class_that_has_its_number_now():
    truth = dict(v=actions((0, 10, 0), (20, 30, 2)))
    found = dict(
        v=detections((0, 10, 0.9, 0), (20, 30, 0.5, 2), (40, 50, 0.8, 1)))
    assert ap_at(found, truth) == [1, 1]
    assert ap_at(found, truth, raw_ids=True) == [1, 0.5]


@pytest.mark.parametrize('max_pairs', [7, 2**18])
def test_equals_the_slow_definition_on_many(max_pairs, monkeypatch):
    monkeypatch.setattr(overlaps, 'MAX_PAIRS', max_pairs)
    rng = np.random.default_rng(0)
    predictions, ground_truth = {}, {}
    for video in range(12):
        start, length = rng.random((2, 15)) * [[20], [6]]
        label = rng.integers(0, 4, 15)
        ground_truth[video] = dict(
            segments=np.stack((start, start + length), 1), labels=label)
        pick = rng.integers(0, 15, 80)
        noisy = ground_truth[video]['segments'][pick] + rng.normal(
            size=(80, 2))
        predictions[video] = dict(
            segments=np.sort(noisy, axis=1),
            scores=rng.random(80),
            labels=np.where(rng.random(80) < 0.7, label[pick], 0))
    fast = tad_map(predictions, ground_truth, THRESHOLDS)
    slow = slow_tad_map(predictions, ground_truth, THRESHOLDS)
    expected = np.array(list(slow.values())).T
    assert 0.05 < fast['average_mAP'] < 0.95
    assert np.abs(fast['AP'] - expected).max() <= 1e-12
    assert np.abs(fast['mAP'] - expected.mean(1)).max() <= 1e-12


@settings(deadline=None)
@given(predicted, ground_truths, st.randoms())
def test_order_of_the_input_is_irrelevant(predictions, ground_truth, random):

    def shuffled(content):
        names = list(content)
        random.shuffle(names)
        out = {}
        for name in names:
            order = list(range(len(content[name]['labels'])))
            random.shuffle(order)
            out[name] = {
                key: [value[i] for i in order]
                for key, value in content[name].items()
            }
        return out

    first = tad_map(predictions, ground_truth, THRESHOLDS)
    second = tad_map(shuffled(predictions), shuffled(ground_truth), THRESHOLDS)
    assert np.array_equal(first['AP'], second['AP'])


@settings(deadline=None)
@given(ground_truths)
def test_perfect_detections_score_1(ground_truth):
    perfect = {
        video: dict(content, scores=[0.5] * len(content['labels']))
        for video, content in ground_truth.items()
    }
    out = tad_map(perfect, ground_truth, [0.3, 1.0])
    if out['num_gt'].sum():
        # repeated actions give repeated detections, which cost precision
        unique = all(
            len({*zip(c['segments'], c['labels'])}) == len(c['labels'])
            and all(s != e for s, e in c['segments'])
            for c in ground_truth.values())
        assert out['mAP'].max() <= 1
        assert not unique or out['mAP'].tolist() == [1, 1]
    else:
        assert out['average_mAP'] == 0


@settings(deadline=None)
@given(predicted, ground_truths)
def test_map_never_rises_with_the_threshold_of_one_action(predictions, gts):
    # with one action per video and class, matching cannot be rearranged
    gts = {
        video:
        actions(*{
            n: (*s, n)
            for s, n in zip(c['segments'], c['labels'])
        }.values())
        for video, c in gts.items()
    }
    out = tad_map(predictions, gts, [0.2, 0.5, 0.8])
    assert (np.diff(out['AP'], axis=0) <= 1e-12).all()


def test_average_precision_on_paper():
    truth = dict(v=actions((0, 10, 0), (20, 30, 0), (40, 50, 0)))
    found = dict(
        v=detections((0, 10, 0.9, 0), (60, 70, 0.8, 0), (20, 30, 0.7, 0)))
    # precision 1, 1/2, 2/3 at recall 1/3, 1/3, 2/3: 1/3 * 1 + 1/3 * 2/3
    assert ap_at(found, truth) == pytest.approx([5 / 9])


def test_precision_envelope_on_paper():
    truth = dict(v=actions((0, 10, 0), (20, 30, 0)))
    found = dict(
        v=detections((60, 70, 0.9, 0), (0, 10, 0.8, 0), (20, 30, 0.7, 0)))
    # precision 0, 1/2, 2/3: the envelope is 2/3 at both recalls
    assert ap_at(found, truth) == pytest.approx([2 / 3])


def test_a_repeated_detection_is_a_false_positive():
    truth = dict(v=actions((0, 10, 0), (20, 30, 0)))
    once = detections((0, 10, 0.9, 0), (20, 30, 0.7, 0))
    twice = detections((0, 10, 0.9, 0), (0, 10, 0.8, 0), (20, 30, 0.7, 0))
    assert ap_at(dict(v=once), truth) == [1.]
    # 1/2 * 1 + 1/2 * 2/3
    assert ap_at(dict(v=twice), truth) == pytest.approx([5 / 6])


def test_a_detection_whose_best_action_is_taken_gets_the_next():
    truth = dict(v=actions((0, 10, 0), (2, 12, 0)))
    found = dict(v=detections((0, 10, 0.9, 0), (0, 10, 0.8, 0)))
    assert ap_at(found, truth, 0.5) == [1.]  # tIoU of the second: 8 / 12
    assert ap_at(found, truth, 0.7) == [0.5]


def test_the_best_action_is_taken_not_the_first():
    truth = dict(v=actions((0, 10, 0), (1, 11, 0)))
    found = dict(v=detections((1, 11, 0.9, 0), (0, 9, 0.8, 0)))
    assert ap_at(found, truth, 0.5) == [1.]


def test_tiou_equal_to_the_threshold_is_a_match():
    truth = dict(v=actions((0, 10, 0)))
    found = dict(v=detections((0, 5, 0.9, 0)))
    assert ap_at(found, truth, 0.5) == [1.]
    assert ap_at(found, truth, 0.5000001) == [0.]


def test_classes_and_videos_are_apart():
    truth = dict(v=actions((0, 10, 2)), w=actions((0, 10, 5)))
    found = dict(v=detections((0, 10, 0.9, 5)), w=detections((0, 10, 0.9, 2)))
    out = tad_map(found, truth, [0.5])
    assert out['labels'].tolist() == [2, 5]
    assert out['num_gt'].tolist() == [1, 1]
    assert out['AP'].tolist() == [[0, 0]]


def test_detections_of_a_class_without_actions_are_ignored():
    truth = dict(v=actions((0, 10, 2)))
    found = dict(v=detections((0, 10, 0.9, 3), (0, 10, 0.5, 2)))
    assert ap_at(found, truth) == [1.]


def test_detections_in_a_video_without_ground_truth_cost_precision():
    truth = dict(v=actions((0, 10, 2)))
    found = dict(v=detections((0, 10, 0.5, 2)), w=detections((0, 10, 0.9, 2)))
    assert ap_at(found, truth) == [0.5]


def test_a_video_without_detections_costs_recall():
    truth = dict(v=actions((0, 10, 2)), w=actions((0, 10, 2)))
    assert ap_at(dict(v=detections((0, 10, 0.5, 2))), truth) == [0.5]


def test_repeated_and_empty_actions_are_dropped():
    truth = dict(v=actions((0, 10, 0), (0.0005, 10, 0), (3, 3, 0), (3, 3, 1)))
    found = dict(v=detections((0, 10, 0.5, 0)))
    assert ap_at(found, truth) == [1.]
    assert ap_at(found, truth, deduplicate=False) == pytest.approx([1 / 3, 0])


@pytest.mark.parametrize('predictions, ground_truth', [
    ({}, {}),
    ({}, dict(v=actions((0, 1, 0)))),
    (dict(v=detections((0, 1, 0.5, 0))), {}),
    (dict(v=detections()), dict(v=actions())),
])
def test_nothing_found_or_nothing_there_scores_0(predictions, ground_truth):
    out = tad_map(predictions, ground_truth, THRESHOLDS)
    assert out['average_mAP'] == 0 and out['mAP'].tolist() == [0, 0, 0]


def test_tensors_arrays_and_lists_are_the_same():
    truth = actions((0, 10, 0), (20, 30, 1))
    found = detections((0, 8, 0.5, 0), (20, 22, 0.7, 1))
    outs = []
    for kind in (list, np.asarray, torch.tensor):
        outs.append(
            tad_map(
                dict(v={
                    k: kind(x)
                    for k, x in found.items()
                }), dict(v={
                    k: kind(x)
                    for k, x in truth.items()
                }), THRESHOLDS))
    for out in outs:
        assert out['mAP'].tolist() == [0.5, 0.5, 0.5]


@pytest.mark.parametrize('change, error, message', [
    (dict(scores=[0.5]), ValueError, r"predictions\['v'\] must be of shapes"),
    (dict(labels=[0.5, 1.]), ValueError, 'must be integers, but got float64'),
    (dict(scores=[0.5, math.nan]), ValueError,
     r"scores of predictions\['v'\] must be finite, but got nan"),
    (dict(segments=[[0, 1], [0, math.inf]]), ValueError,
     r"segments of predictions\['v'\] must be finite, but got inf"),
    (dict(segments=[[0, 1], [3, 2]]), ValueError,
     r"predictions\['v'\] must end at or after .*but got \[3, 2\]"),
])
def test_bad_detections_are_refused_by_video(change, error, message):
    found = detections((0, 1, 0.5, 0), (0, 2, 0.4, 1))
    with pytest.raises(error, match=message):
        tad_map(dict(v={**found, **change}), {}, [0.5])


def test_a_missing_field_is_named():
    with pytest.raises(KeyError, match=r"predictions\['v'\] .* \['scores'\]"):
        tad_map(dict(v=actions((0, 1, 0))), {}, [0.5])


@pytest.mark.parametrize('deduplicate', [True, False])
def test_actions_that_end_before_they_start_are_never_matched(
        deduplicate, log):
    truth = dict(v=actions((0, 10, 0), (30, 20, 0), (50, 40, 1)))
    found = dict(
        v=detections((0, 10, 0.9, 0), (20, 30, 0.8, 0), (40, 50, 0.7, 1)))
    out = tad_map(found, truth, [0.01, 1.], deduplicate)
    # one of two actions at the first detection; none of one
    assert out['AP'].tolist() == [[0.5, 0]] * 2
    assert out['num_gt'].tolist() == [2, 1]
    assert log.text.count('2 of 3 annotated actions end before they') == 1


def test_a_reversed_action_that_is_repeated_counts_once():
    truth = dict(v=actions((30, 20, 0), (30, 20, 0), (0, 10, 0), (5, 5, 0)))
    out = tad_map({}, truth, [0.5])
    assert out['num_gt'].tolist() == [2]


@pytest.mark.parametrize('thresholds', [[], [0.], [0.5, 1.2]])
def test_bad_thresholds_are_refused(thresholds):
    with pytest.raises(ValueError, match='tiou_thresholds must be numbers in'):
        tad_map({}, {}, thresholds)
