import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dyfadet_mm.evaluation import cosine_similarity, mean_similarity

ROOT_HALF = math.sqrt(0.5)


def test_known_vectors():
    feats = np.array([[2, 0], [0, 3], [1, 1], [-4, 0], [0, 0]], 'float16')
    expected = [[1, 0, ROOT_HALF, -1, 0], [0, 1, ROOT_HALF, 0, 0],
                [ROOT_HALF, ROOT_HALF, 1, -ROOT_HALF, 0],
                [-1, 0, -ROOT_HALF, 1, 0], [0, 0, 0, 0, 0]]
    np.testing.assert_allclose(cosine_similarity(feats), expected, atol=1e-9)
    # cells 0 and 2 are in the action, of which the end is at a cell
    found = mean_similarity(feats[[0, 2, 1]], [0, 2, 4], [[-1, 2]])
    assert found == pytest.approx(
        dict(mean=2 * ROOT_HALF / 3, inside=ROOT_HALF, across=ROOT_HALF / 2))


def test_pairs_that_do_not_exist_have_no_mean():
    found = mean_similarity(np.ones((1, 3)), [0.], np.zeros((0, 2)))
    assert all(math.isnan(value) for value in found.values())
    found = mean_similarity(np.ones((3, 3)), [0, 1, 2], [[0, 2]])
    assert (found['mean'], found['inside']) == pytest.approx((1, 1))
    assert math.isnan(found['across'])


def slow_means(feats, times, segments):
    """The same, pair by pair."""
    matrix = cosine_similarity(feats)
    inside = [[start <= time <= end for start, end in segments]
              for time in times]
    pairs = dict(mean=[], inside=[], across=[])
    for i in range(len(feats)):
        for j in range(len(feats)):
            if i == j:
                continue
            pairs['mean'].append(matrix[i, j])
            pairs['inside'] += [
                matrix[i, j] for a, b in zip(inside[i], inside[j]) if a and b
            ]
            if any(inside[i]) and not any(inside[j]):
                pairs['across'].append(matrix[i, j])
    return {k: np.mean(v) if v else math.nan for k, v in pairs.items()}


@settings(max_examples=25, deadline=None)
@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 7), st.just(3)),
        elements=st.sampled_from([-2., -0.5, 0., 1., 3.])),
    st.lists(
        st.tuples(st.integers(-1, 6), st.integers(0, 8)).map(sorted),
        max_size=3))
def test_means_are_those_of_all_pairs(feats, segments):
    times = np.arange(len(feats))
    assert mean_similarity(feats, times, segments) == pytest.approx(
        slow_means(feats, times, segments), abs=1e-9, nan_ok=True)
