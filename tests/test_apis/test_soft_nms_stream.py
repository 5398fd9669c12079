import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dyfadet_mm.apis.soft_nms_stream import ROW, SoftNmsStream
from dyfadet_mm.ops import soft_nms

METHODS = [
    dict(),
    dict(sigma=0.1, min_score=0.2),
    dict(method='linear', iou_threshold=0.3),
    dict(method='hard', iou_threshold=0.3),
    dict(class_wise=False),
]


def make_candidates(seed, num, span=100., longest=20., classes=2):
    """Segments, scores of few values, and labels, by their starts."""
    rng = np.random.default_rng(seed)
    starts = np.sort(rng.uniform(0, span, num)).round(1)
    lengths = rng.uniform(0.1, longest, num).round(1)
    return (np.stack(
        (starts, starts + lengths),
        1), rng.integers(20, 100, num) / 100, rng.integers(0, classes, num))


def run(nms, candidates, step, oldest=math.inf):
    """Settle at every ``step``, and what is settled at each."""
    segments, scores, labels = candidates
    found, starts = [], segments[:, 0]
    for first in np.arange(0, starts.max(initial=0) + step, step):
        new = (starts >= first) & (starts < first + step)
        nms.add(segments[new], scores[new], labels[new])
        found.append(nms.settle(first + step, first + step - oldest))
    return [*found, nms.settle(math.inf)]


def as_set(segments, scores, labels):
    rows = np.column_stack((segments, scores, labels)).round(6)
    return rows[np.lexsort(rows.T)]


def assert_is_soft_nms(found, candidates, **kwargs):
    kwargs = dict(dict(max_num=10**6), **kwargs)
    segments, scores, labels = candidates
    # the first of a group is kept however low it scores
    above = scores >= kwargs.get('min_score', 0)
    expected = soft_nms(
        *(torch.from_numpy(each[above]) for each in candidates), **kwargs)
    segments = np.column_stack((found['start'], found['end']))
    np.testing.assert_allclose(
        as_set(segments, found['score'], found['label']),
        as_set(*(each.numpy() for each in expected)),
        atol=2e-6)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    num=st.integers(0, 60),
    step=st.sampled_from([1., 7., 30., 200.]),
    method=st.sampled_from(METHODS))
def test_what_is_settled_is_soft_nms_of_all(seed, num, step, method):
    candidates = make_candidates(seed, num)
    found = run(SoftNmsStream(**method), candidates, step)
    assert all(part['exact'].all() for part in found)
    assert_is_soft_nms(np.concatenate(found), candidates, **method)


def test_settled_before_the_end_though_candidates_form_a_chain():
    """Every candidate overlaps the next, a good one stands out."""
    starts = np.arange(100.)
    segments = np.stack((starts, starts + 1.5), 1)
    scores = np.linspace(0.01, 0.02, 100)
    scores[30] = 0.9
    found = run(
        SoftNmsStream(), (segments, scores, 0 * starts.astype(int)), step=10)
    # 30 .. 31.5 when all that begins before 40 is there
    assert found[3]['score'].max() == 0.9
    for part in found[:3]:
        assert part['score'].max(initial=0) < 0.02


def test_waits_for_a_better_one_that_is_not_settled():
    nms = SoftNmsStream()
    nms.add(
        np.array([[0., 4.], [3., 12.], [11., 13.]]), np.array([.5, .8, .9]),
        np.zeros(3, int))
    assert len(nms.settle(10)) == 0  # 3 .. 12 may fall below 0.5
    found = nms.settle(14)
    assert found['origin'].tolist() == [0.9, 0.8, 0.5]
    assert nms.first_pending == math.inf


def test_one_that_does_not_settle_is_settled_by_force():
    nms = SoftNmsStream()
    nms.add(
        np.array([[0., 4.], [2., 50.], [5., 6.]]), np.array([.5, .8, .7]),
        np.array([0, 0, 1]))
    assert nms.settle(20, oldest=3)['label'].tolist() == [1]
    [row] = nms.settle(20, oldest=4)
    assert not row['exact'] and 0.49 < row['score'] < 0.5
    [row] = nms.settle(60)
    assert row['exact'] and row['score'] == 0.8


def test_a_late_candidate_decays_and_is_marked():
    nms = SoftNmsStream()
    nms.add(np.array([[0., 10.]]), np.array([0.9]), np.array([0]))
    assert len(nms.settle(20, oldest=0)) == 1
    nms.add(
        np.array([[1., 10.], [1., 10.], [12., 15.]]), np.array([.8, .7, .6]),
        np.array([0, 1, 0]))
    found = nms.settle(20)
    assert found['origin'].tolist() == [0.8, 0.6, 0.7]
    assert found['exact'].tolist() == [False, True, True]
    assert found['score'][0] < 0.2 and found['score'][2] == 0.7


@pytest.mark.parametrize('longest', [5., 1e5])
def test_memory_is_bounded(longest):
    """Whatever the candidates are, such as all open for ever."""
    candidates = make_candidates(0, 1000, 1000, longest, 1)
    nms = SoftNmsStream(max_pending=50, min_score=0.)
    segments, scores, labels = candidates
    num = 0
    for first in range(0, 1000, 50):
        part = slice(first, first + 50)
        nms.add(segments[part], scores[part], labels[part])
        found = nms.settle(segments[part][-1, 0], segments[part][0, 0] - 10)
        num += len(found)
        assert found.dtype == ROW and len(nms) <= 100
    assert num + len(nms.settle(math.inf)) > 900
