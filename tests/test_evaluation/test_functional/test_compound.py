import numpy as np
import pytest
from hypothesis import given, settings
from slow_map import tiou_of
from test_average_precision import actions, detections, predicted

from dyfadet_mm.evaluation import join_ground_truth, pair_detections


def rows_of(video):
    """(start, end, score, label) of each action."""
    return [(*segment, score, label)
            for segment, score, label in zip(video['segments'].tolist(
            ), video['scores'].tolist(), video['labels'].tolist())]


def test_actions_on_paper():
    verbs = dict(v=detections((0, 10, 0.8, 3), (50, 60, 0.9, 4)))
    nouns = dict(
        v=detections((0, 8, 0.2, 7), (0, 10, 0.5, 299), (9, 30, 1, 5)))
    out = rows_of(pair_detections(verbs, nouns)['v'])
    assert [row[3] for row in out] == [3 * 300 + 299, 3 * 300 + 7]
    assert out[0] == pytest.approx((0, 10, 0.4**0.5, 1199))
    assert out[1] == pytest.approx((0, 9, 0.16**0.5 * 0.8, 907))


@settings(deadline=None)
@given(predicted, predicted)
def test_every_pair_that_overlaps_enough_is_an_action(verbs, nouns):
    out = pair_detections(verbs, nouns, num_nouns=10, min_tiou=0.4)
    assert set(out) == set(verbs) & set(nouns)
    for video, content in out.items():
        expected = []
        for v, vs, vn in zip(*verbs[video].values()):
            for n, ns, nn in zip(*nouns[video].values()):
                if tiou_of(v, n) >= 0.4:
                    expected.append(
                        ((v[0] + n[0]) / 2, (v[1] + n[1]) / 2,
                         (vs * ns)**0.5 * tiou_of(v, n), 10 * vn + nn))
        found = rows_of(content)
        assert np.allclose(
            np.sort(found, axis=0), np.sort(expected, axis=0), atol=1e-12)
        assert [row[2] for row in found] == sorted((row[2] for row in found),
                                                   reverse=True)


def test_the_best_are_kept():
    verbs = dict(v=detections(*[(0, 10, 0.1 * i, i) for i in range(1, 6)]))
    nouns = dict(v=detections((0, 10, 0.5, 0)))
    out = pair_detections(verbs, nouns, max_num=2)['v']
    assert out['labels'].tolist() == [1500, 1200]


def test_ground_truth_is_joined_row_by_row():
    verbs = dict(v=actions((0, 4, 1), (0, 4, 2), (5, 9, 3)))
    nouns = dict(v=actions((0, 4, 10), (0, 4.004, 20), (5, 9, 30)))
    out = join_ground_truth(verbs, nouns)
    assert out['v']['labels'].tolist() == [310, 620, 930]
    assert out['v']['segments'].tolist() == [[0, 4], [0, 4], [5, 9]]


def test_ground_truth_in_another_order_is_joined_by_segment():
    verbs = dict(v=actions((5, 9, 3), (0, 4, 1), (0, 6, 2)))
    nouns = dict(v=actions((0, 4, 10), (0, 6, 20), (5, 9, 30)))
    out = join_ground_truth(verbs, nouns)
    assert out['v']['labels'].tolist() == [310, 620, 930]


def test_reversed_actions_are_joined_too():
    verbs = dict(v=actions((9, 5, 3), (0, 4, 1)))
    nouns = dict(v=actions((0, 4, 10), (9, 5, 30)))
    out = join_ground_truth(verbs, nouns)['v']
    assert out['segments'].tolist() == [[0, 4], [9, 5]]
    assert out['labels'].tolist() == [310, 930]


@pytest.mark.parametrize('nouns, message', [
    (dict(v=actions((0, 4, 1), (7, 9, 1))),
     r"'v' has \[5.0, 9.0\] in one file and \[7.0, 9.0\] in the other"),
    (dict(v=actions((0, 4, 1))), "'v' has 2 verbs and 1 nouns"),
    (dict(w=actions()), r"2 are in one file only, such as \['v', 'w'\]"),
    (dict(v=actions((0, 4, 1), (5, 9, 300))),
     "nouns must be from 0 to 299, but video 'v' has 300"),
])
def test_annotations_that_do_not_fit_are_refused(nouns, message):
    verbs = dict(v=actions((0, 4, 1), (5, 9, 2)))
    with pytest.raises(ValueError, match=message):
        join_ground_truth(verbs, nouns)


def test_nouns_beyond_the_list_are_refused():
    verbs = dict(v=detections((0, 4, 0.5, 1)))
    with pytest.raises(ValueError, match="'v' has 12"):
        pair_detections(verbs, dict(v=detections((0, 4, 0.5, 12))), 12)
    with pytest.raises(ValueError, match='tiou_thresholds must be'):
        pair_detections(verbs, verbs, min_tiou=0.)
