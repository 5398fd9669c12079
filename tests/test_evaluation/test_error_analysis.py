import json
from pathlib import Path

import numpy as np
import pytest
from drawn_videos import actions, detections, ground_truths, predicted
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_error_analysis import KINDS, SlowAnalysis

from dyfadet_mm.evaluation import analyze_errors

ROOT = Path(__file__).resolve().parents[2]
RECORDING = ROOT / '../shared/recordings/error_analysis.json'
RECORDED_NAMES = {
    'True Positive': 'true positive',
    'Double Detection Err': 'double detection',
    'Wrong Label Err': 'wrong label',
    'Localization Err': 'localization',
    'Confusion Err': 'confusion',
    'Background Err': 'background'
}
EDGES = {
    'coverage': (0, .15, .3, 1),
    'length': (0, 1, 2, float('inf')),
    'num-instances': (-1, 1, 3, 6)
}


def one_video(found, truth, tiou=(0.5, ), duration=100., edges=None):
    return analyze_errors({'v': detections(*found)}, {'v': actions(*truth)},
                          {'v': duration}, tiou, edges)


def counts_of(result):
    return {k: v.tolist() for k, v in result['counts'].items() if v.any()}


# -- the recording ---------------------------------------------------------
@pytest.fixture(scope='module')
def recorded():
    if not RECORDING.exists():
        pytest.skip('needs ../shared')
    content = json.loads(RECORDING.read_text())
    names = sorted({
        action['label']
        for video in content['ground_truth'].values()
        for action in video['annotations']
    })
    truth = {
        k:
        actions(*((*a['segment'], names.index(a['label']))
                  for a in video['annotations']))
        for k, video in content['ground_truth'].items()
    }
    found = {
        k:
        detections(*((*d['segment'], d['score'], names.index(d['label']))
                     for d in video))
        for k, video in content['predictions'].items()
    }
    durations = {
        k: video['duration']
        for k, video in content['ground_truth'].items()
    }
    return content, (found, truth, durations)


def test_equals_the_recorded_false_positives_and_negatives(recorded):
    content, inputs = recorded
    expected = content['false_positives']
    tiou = expected['tiou_thresholds']
    out = analyze_errors(*inputs, tiou, content['edges'])
    assert out['average_mAP_N'] == pytest.approx(
        content['all']['average_mAP_N'], abs=1e-9)
    assert out['mAP_N'] == pytest.approx(content['all']['mAP_N'], abs=1e-9)
    for recorded_name, name in RECORDED_NAMES.items():
        assert out['profile'][name] == pytest.approx(
            expected['profile'][recorded_name], abs=1e-9)
        assert out['counts'][name].tolist() == [
            expected['counts'][str(t)][recorded_name] for t in tiou
        ]
        if name in KINDS:
            assert out['impact'][name] == pytest.approx(
                expected['impact'][recorded_name], abs=1e-9)
    for name, buckets in content['false_negatives']['buckets'].items():
        assert out['false_negatives'][name] == pytest.approx(buckets, abs=1e-9)


def test_equals_the_recorded_sensitivity(recorded):
    content, inputs = recorded
    expected = content['sensitivity']
    out = analyze_errors(*inputs, expected['tiou_thresholds'],
                         content['edges'])
    for name, buckets in expected['buckets'].items():
        assert out['sensitivity'][name] == pytest.approx(buckets, abs=1e-9)
        assert list(out['sensitivity'][name]) == content['names'][name]
    assert out['average_mAP_N'] == pytest.approx(
        expected['average_mAP_N'], abs=1e-9)


def test_published_edges_are_known_by_name(recorded):
    content, inputs = recorded
    out = analyze_errors(*inputs, [0.5], 'thumos14')
    for name, edges in content['edges'].items():
        assert out['edges'][name].tolist() == [float(each) for each in edges]


def mean(values):
    values = list(values)
    return float('nan') if None in values else sum(values) / len(values)


@settings(deadline=None, max_examples=100)
@given(predicted, ground_truths, st.sampled_from([3., 10.]))
def test_equals_the_slow_definition(predictions, ground_truth, duration):
    durations = dict.fromkeys(ground_truth, duration)
    out = analyze_errors(predictions, ground_truth, durations, [0.3, 0.6],
                         EDGES)
    slow = [
        SlowAnalysis(predictions, ground_truth, durations, t, EDGES)
        for t in (0.3, 0.6)
    ]
    if not slow[0].actions:
        assert out['average_mAP_N'] == 0 and out['num_actions'] == 0
        return
    assert out['average_mAP_N'] == pytest.approx(
        mean(s.map(s.found, range(len(s.detections)), s.all) for s in slow))
    profiles, impacts = [s.profile() for s in slow], [s.impact() for s in slow]
    for name, profile in out['profile'].items():
        assert profile == pytest.approx(
            np.mean([each[name] for each in profiles], axis=0))
    for name in KINDS:
        assert out['impact'][name] == pytest.approx(
            mean(each[name] for each in impacts))
    for name, buckets in out['sensitivity'].items():
        for b, value in enumerate(buckets.values()):
            assert value == pytest.approx(
                mean(s.sensitivity(name, b) for s in slow), nan_ok=True)
    for name, buckets in out['false_negatives'].items():
        for b, value in enumerate(buckets.values()):
            assert value == pytest.approx(
                mean(s.misses(name, b) for s in slow), nan_ok=True)
    for names, table in out['pairs'].items():
        cells = zip(*(s.misses_of_pair(names) for s in slow))
        assert table.ravel() == pytest.approx([mean(cell) for cell in cells],
                                              nan_ok=True)


# -- by hand ---------------------------------------------------------------
def test_every_type_by_hand():
    truth = [(0, 10, 0), (20, 30, 1)]
    found = [
        (0, 10, .9, 0),  # finds the first
        (0, 9, .8, 0),  # again
        (20, 30, .7, 0),  # the second, by a wrong name
        (5, 15, .6, 0),  # tIoU 1/3 with the first
        (25, 35, .5, 0),  # tIoU 1/3 with the second
        (60, 70, .4, 0),  # nothing there
    ]
    out = one_video(found, truth)
    assert counts_of(out) == {name: [1] for name in ['true positive', *KINDS]}
    # one action per class: band b has the detection of rank b
    assert out['profile']['true positive'].tolist() == [1] + 9 * [0]
    assert out['profile']['background'].tolist() == 5 * [0] + [1] + 4 * [0]


def test_normalized_precision_by_hand():
    # class 0: two actions, class 1: one; N = 1.5
    truth = [(0, 10, 0), (20, 30, 0), (40, 50, 1)]
    found = [(60, 70, .9, 0), (0, 10, .8, 0)]
    out = one_video(found, truth)
    # R = 1/2 and one false positive: P_N = 0.75 / 1.75
    assert out['average_mAP_N'] == pytest.approx(0.5 * (0.75 / 1.75) / 2)
    # without it P_N is 1
    assert out['impact']['background'] == pytest.approx(0.25 -
                                                        0.25 * 0.75 / 1.75)
    assert out['impact']['localization'] == 0


def test_of_equal_overlaps_the_first_of_the_file_judges():
    found = [(0, 10, .9, 2), (0, 9, .8, 1), (0, 9, .7, 1)]
    rows = [(0, 10, 0), (0, 10, 1), (50, 60, 2)]
    assert counts_of(one_video(found, rows)) == {
        'true positive': [1],
        'wrong label': [2]
    }
    assert counts_of(one_video(found, [rows[1], rows[0], rows[2]])) == {
        'true positive': [1],
        'double detection': [1],
        'wrong label': [1]
    }


def test_only_the_ten_best_per_action_are_looked_at():
    found = [(60, 70, 1 - i / 100, 0) for i in range(12)] + [(0, 10, .1, 0)]
    out = one_video(found, [(0, 10, 0)])
    assert counts_of(out) == {'background': [10]}
    # average mAP_N is of all: P_N = 1 / 13
    assert out['average_mAP_N'] == pytest.approx(1 / 13)
    assert out['impact']['background'] == 0


def test_a_find_of_tiny_precision_is_a_miss():
    noise = [(60, 70, 1 - i / 100, 0) for i in range(19)]
    truth = [(0, 10, 0)]
    out = one_video([*noise, (0, 10, .1, 0)], truth)  # P_N = 1 / 20
    assert out['false_negatives']['length'] == {'XS': 1}
    out = one_video([*noise[1:], (0, 10, .1, 0)], truth)
    assert out['false_negatives']['length'] == {'XS': 0}


def test_video_without_actions_has_only_background():
    """The published code compares all but the first with another video."""
    alarms = detections((0, 10, .9, 0), (0, 10, .8, 0), (0, 10, .7, 0))
    truth = {'a': actions((0, 10, 0)), 'b': actions()}
    out = analyze_errors(
        {
            'a': detections((0, 10, 1., 0)),
            'b': alarms,
            'unknown': alarms
        }, truth, {'a': 20.}, [0.5])
    assert counts_of(out) == {'true positive': [1], 'background': [6]}


def test_sensitivity_drops_detections_at_each_threshold_alone():
    """At 0.5 the detection finds the long action, at 0.7 it is wrong."""
    truth = [(0, 10, 0), (20, 22, 0)]
    found = [(0, 6, .9, 0), (20, 22, .8, 0)]
    edges = {'length': (0, 3, 20)}
    both = one_video(found, truth, (.5, .7), edges=edges)
    each = [one_video(found, truth, (t, ), edges=edges) for t in (.5, .7)]
    for bucket in ('XS', 'S'):
        assert both['sensitivity']['length'][bucket] == pytest.approx(
            np.mean([out['sensitivity']['length'][bucket] for out in each]))
    # at 0.7 it stands before the short one: P_N = 2 / 3
    assert each[1]['sensitivity']['length']['XS'] == pytest.approx(2 / 3)
    assert both['sensitivity_summary']['length']['range'] == pytest.approx(5 /
                                                                           6 -
                                                                           0.5)


def test_actions_longer_than_the_video_or_empty_are_dropped():
    truth = [(0, 120, 0), (5, 5, 0), (9, 8, 0), (20, 30, 0)]
    out = one_video([(20, 30, .9, 0)], truth)
    assert (out['num_dropped'], out['num_actions']) == (3, 1)
    assert out['average_mAP_N'] == 1


def test_class_without_detections_counts_as_zero():
    out = one_video([(0, 10, .9, 0)], [(0, 10, 0), (20, 30, 1)])
    assert out['average_mAP_N'] == 0.5


def test_detections_of_a_class_without_actions_are_put_aside():
    out = one_video([(0, 10, .9, 0), (0, 10, .95, 7)], [(0, 10, 0)])
    assert (out['average_mAP_N'], out['num_aside']) == (1, 1)


@pytest.mark.parametrize('found', [{}, {'v': detections()}])
def test_nothing_detected(found):
    out = analyze_errors(found, {'v': actions((0, 10, 0))}, {'v': 50.}, [.5])
    assert out['average_mAP_N'] == 0
    assert out['impact'] == dict.fromkeys(KINDS, 0)
    assert not np.any(list(out['profile'].values()))
    assert out['false_negatives']['length'] == {'XS': 1}


@pytest.mark.parametrize('truth', [{}, {'v': actions()}])
def test_nothing_annotated(truth):
    out = analyze_errors({'v': detections((0, 1, .5, 0))}, truth, {}, [.5])
    assert (out['average_mAP_N'], out['num_aside']) == (0, 1)
    assert out['impact'] == dict.fromkeys(KINDS, 0)
    assert out['bucket_sizes']['length'] == {'XS': 0}


# -- buckets ---------------------------------------------------------------
def test_own_buckets_are_quintiles():
    truth = [(10 * i, 10 * i + i + 1, 0) for i in range(5)]
    out = one_video([], truth)
    assert out['bucket_sizes']['length'] == dict.fromkeys(
        ['XS', 'S', 'M', 'L', 'XL'], 1)
    assert out['bucket_sizes']['num-instances'] == {'XS': 5}


def test_buckets_are_closed_on_the_right():
    truth = [(0, 2, 0), (10, 14, 0), (20, 29, 0), (30, 39, 0)]
    out = one_video([], truth, edges={'length': (2, 4, 6, 'inf')})
    assert out['bucket_sizes']['length'] == {'XS': 2, 'S': 0, 'M': 2}
    assert np.isnan(out['sensitivity']['length']['S'])
    assert np.isnan(out['false_negatives']['length']['S'])
    out = one_video([], truth, edges={'length': (3, 4, 6, 7, 8, 9, 10)})
    assert out['bucket_sizes']['length'] == {
        '3 to 4': 1,
        '4 to 6': 0,
        '6 to 7': 0,
        '7 to 8': 0,
        '8 to 9': 2,
        '9 to 10': 0
    }


@pytest.mark.parametrize('edges, message', [
    ('charades', "edges must be one of .*'charades'"),
    ({
        'size': (0, 1)
    }, r"but got \['size'\]"),
    ({
        'length': (3, 1)
    }, 'ascending'),
    ({
        'length': (0, float('nan'))
    }, 'ascending'),
])
def test_edges_are_checked(edges, message):
    with pytest.raises(ValueError, match=message):
        one_video([], [(0, 1, 0)], edges=edges)


@pytest.mark.parametrize('duration', [0, -1, float('nan'), float('inf')])
def test_durations_are_checked(duration):
    with pytest.raises(ValueError, match="video 'v' has"):
        one_video([], [(0, 1, 0)], duration=duration)
    with pytest.raises(TypeError, match='ground_truth must be a dict'):
        analyze_errors({}, [], {}, [.5])
    with pytest.raises(KeyError, match="lack 'v'"):
        analyze_errors({}, {'v': actions((0, 1, 0))}, {}, [.5])
