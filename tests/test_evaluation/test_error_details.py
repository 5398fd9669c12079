import numpy as np
import pytest
from test_error_analysis import actions, detections

from dyfadet_mm.evaluation import detail_errors


def one_video(found, truth, **kwargs):
    return detail_errors({'v': detections(*found)}, {'v': actions(*truth)},
                         {'v': 100.}, **kwargs)


def test_boundary_errors_by_hand():
    out = one_video([(1, 9, .9, 0), (24, 31, .8, 1), (50, 60, .7, 1)],
                    [(0, 10, 0), (20, 30, 1)])['boundaries']
    assert out['start_s'].tolist() == [1, 4]
    assert out['end_s'].tolist() == [-1, 1]
    assert out['start_lengths'].tolist() == [.1, .4]
    assert out['end_lengths'].tolist() == [-.1, .1]


def test_confusion_by_hand():
    truth = [(0, 10, 0), (20, 30, 1), (40, 50, 1), (60, 70, 1)]
    found = [
        (0, 10, .9, 0),  # right
        (20, 30, .8, 0),  # the wrong name
        (20, 30, .7, 1),  # the right name, but too late
        (41, 50, .6, 4),  # a name that no action has
        (80, 90, .5, 1)
    ]
    out = one_video(found, truth)['confusion']
    assert out['labels'].tolist() == [0, 1, 4]
    assert out['counts'].tolist() == [
        [1, 0, 0, 0],
        [1, 0, 1, 1],  # the action from 60 to 70 is missed
        [0, 0, 0, 0],
        [0, 2, 0, 0],
    ]


def test_of_equal_segments_that_of_the_own_class_is_taken():
    truth = [(0, 10, 0), (0, 10, 1)]
    out = one_video([(0, 10, .9, 1), (0, 10, .8, 0)], truth)['confusion']
    assert out['counts'].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_calibration_by_hand():
    truth = [(0, 10, 0), (20, 30, 0)]
    found = [(0, 10, .95, 0), (50, 60, .91, 0), (20, 30, .15, 0)]
    out = one_video(found, truth)['calibration']
    assert out['count'].tolist() == [0, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert out['precision'][[1, 9]].tolist() == [1, 0.5]
    assert out['score'][[1, 9]].tolist() == pytest.approx([.15, .93])
    assert out['error'] == pytest.approx((.85 + 2 * .43) / 3)
    # of the two finds one is above the background
    assert out['separation'] == 0.5


def test_recall_grows_with_the_number_of_detections():
    truth = [(0, 10, 0), (20, 30, 1), (40, 50, 0)]
    found = [(60, 70, .9, 0), (20, 30, .8, 1), (0, 10, .7, 0)]
    assert one_video(found, truth)['recall'] == {
        1: 0,
        2: pytest.approx(1 / 3),
        3: pytest.approx(2 / 3)
    }


def test_results_of_videos_and_classes():
    truth = {
        'a': actions((0, 10, 0), (20, 30, 2)),
        'b': actions((0, 10, 2), (50, 60, 2)),
        'c': actions()
    }
    out = detail_errors(
        {
            'a': detections((0, 10, .9, 0), (20, 30, .9, 2)),
            'b': detections((20, 45, .5, 2)),
            'other': detections((0, 1, .1, 0))
        }, truth, {
            'a': 40.,
            'b': 70.
        })
    rows = {row['video']: row for row in out['videos']}
    assert [row['video'] for row in out['videos']] == ['b', 'a', 'c']
    assert rows['b'] == dict(
        video='b',
        duration=70.,
        actions=2,
        detections=1,
        found=0,
        missed=2,
        after_last=1)
    assert rows['a']['found'] == 2
    recalls = [(row['label'], row['actions'], row['recall'])
               for row in out['classes']]
    assert recalls == [(0, 1, 1), (2, 3, pytest.approx(1 / 3))]


def test_worst_misses_and_alarms_by_hand():
    truth = [(0, 10, 0), (20, 25, 0), (60, 72, 1), (80, 90, 1)]
    found = [(0, 10, .9, 0), (61, 71, .8, 0), (80, 84, .7, 1),
             (30, 35, .95, 0)]
    out = one_video(found, truth, num_worst=3)
    # nothing is near the first two, the longer one first
    assert [(row['start'], row['met_at_low_tiou'])
            for row in out['misses']] == [(60, False), (20, False), (80, True)]
    assert [(row['start'], row['type'], row['nearest_label'])
            for row in out['false_alarms']] == [(30, 'background', None),
                                                (61, 'wrong label', 1),
                                                (80, 'localization', 1)]


def many(seed=0, num_videos=20):
    """Actions of 3 to 8 s, and detections of all of them."""
    rng = np.random.default_rng(seed)
    truth, found = {}, {}
    for i in range(num_videos):
        start = np.arange(6) * 30 + rng.uniform(0, 15, 6)
        segments = np.stack([start, start + rng.uniform(3, 8, 6)], 1)
        labels = rng.integers(0, 3, 6)
        truth[i] = dict(segments=segments, labels=labels)
        found[i] = dict(truth[i], scores=rng.random(6))
    return found, truth, dict.fromkeys(truth, 200.)


@pytest.mark.parametrize('factor', [1 / 30, 0.5, 15 / 16, 1.37, 2])
def test_factor_of_times_is_found(factor):
    found, truth, durations = many()
    for video in found.values():
        video['segments'] = video['segments'] / factor
    out = detail_errors(found, truth, durations)['alignment']
    assert out['factor'] == pytest.approx(factor, rel=2e-2)
    assert out['recall_scaled'] > 0.95 > out['recall']


@pytest.mark.parametrize('shift', [-40, -2.5, 3])
def test_shift_of_times_is_found(shift):
    found, truth, durations = many()
    for video in found.values():
        video['segments'] = video['segments'] - shift
    out = detail_errors(found, truth, durations)['alignment']
    assert out['shift_s'] == pytest.approx(shift, abs=0.25)
    assert out['recall_shifted'] == 1 > out['recall']


@pytest.mark.parametrize('whole', [1, 100])
def test_times_relative_to_the_video_are_found(whole):
    found, truth, durations = many()
    durations = {key: 200. + 30 * key for key in durations}
    for key, video in found.items():
        video['segments'] = video['segments'] * whole / durations[key]
    out = detail_errors(found, truth, durations)['alignment']
    assert (out['whole'], out['recall_relative']) == (whole, 1)
    assert out['recall_scaled'] < 0.9


def test_good_times_stay():
    out = detail_errors(*many())['alignment']
    assert (out['factor'], out['shift_s']) == (1, 0)


@pytest.mark.parametrize('found', [{}, {'v': detections((0, 1, .5, 7))}])
def test_without_detections(found):
    out = detail_errors(found, {'v': actions((0, 9, 0))}, {'v': 10.})
    assert out['boundaries']['start_s'].shape == (0, )
    assert np.isnan(out['calibration']['separation'])
    assert [row['start'] for row in out['misses']] == [0]
    assert out['alignment']['recall'] == 0


def test_without_actions():
    out = detail_errors({'v': detections((0, 1, .5, 7))}, {'v': actions()}, {})
    assert out['classes'] == [] and out['misses'] == []
    assert out['confusion']['counts'].tolist() == [[0, 0], [1, 0]]
