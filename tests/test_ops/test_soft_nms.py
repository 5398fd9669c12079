import contextlib
import importlib
import math

import numpy as np
import pytest
import torch
from device_waits import DeviceWaits
from hypothesis import given, settings
from hypothesis import strategies as st

from dyfadet_mm.ops import host, soft_nms
from dyfadet_mm.ops.soft_nms import best_first, soft_nms_reference

# the package has the function of that name
module = importlib.import_module('dyfadet_mm.ops.soft_nms')
METHODS = ['gaussian', 'linear', 'hard']


def to_tensors(candidates):
    table = torch.tensor(candidates, dtype=torch.double).reshape(-1, 4)
    return table[:, :2], table[:, 2], table[:, 3].long()


def assert_equals_the_loop(candidates, **options):
    args = to_tensors(candidates)
    segments, scores, labels = soft_nms(*args, **options)
    expected = soft_nms_reference(*args, **options)
    assert torch.equal(segments, expected[0])
    assert torch.allclose(scores, expected[1], rtol=1e-12)
    assert torch.equal(labels, expected[2])


def random_candidates(num, num_classes, seed):
    rng = torch.Generator().manual_seed(seed)
    start = 40 * torch.rand(num, generator=rng)
    length = 10 * torch.rand(num, generator=rng)
    score = torch.rand(num, generator=rng)
    label = torch.randint(num_classes, (num, ), generator=rng)
    return [
        tuple(row) for row in torch.stack((start, start + length, score,
                                           label), 1).tolist()
    ]


@contextlib.contextmanager
def small_steps():
    """Few candidates are tried alone, and blocks are small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, 'FEW', 4)
        patch.setattr(module, 'BLOCK_SIZE', 5)
        yield


# few distinct values, so that many scores and segments are equal
candidate = st.tuples(
    st.integers(0, 8), st.integers(0, 4),
    st.sampled_from([0., 0.05, 0.3, 0.5, 0.9, 1.]),
    st.integers(0, 2)).map(lambda c: (c[0], c[0] + c[1], c[2], c[3]))
candidates_strategy = st.lists(candidate, max_size=30)


@pytest.mark.parametrize('steps', [contextlib.nullcontext, small_steps])
@pytest.mark.parametrize('class_wise', [True, False])
@pytest.mark.parametrize('max_num', [5, 40, 1000])
@pytest.mark.parametrize('method', METHODS)
def test_equals_a_loop_over_one_list(method, max_num, class_wise, steps):
    candidates = random_candidates(250, 4, seed=max_num)
    options = dict(
        method=method,
        sigma=0.4,
        iou_threshold=0.3,
        min_score=0.02,
        max_num=max_num,
        class_wise=class_wise)
    with steps():
        assert_equals_the_loop(candidates, **options)


@settings(deadline=None, max_examples=200)
@given(candidates_strategy, st.sampled_from(['linear', 'hard']),
       st.sampled_from([0., 0.1]), st.booleans(), st.sampled_from([1, 4, 50]),
       st.sampled_from([contextlib.nullcontext, small_steps]))
def test_equals_the_loop_where_scores_are_equal(candidates, method, min_score,
                                                class_wise, max_num, steps):
    with steps():
        assert_equals_the_loop(
            candidates,
            method=method,
            sigma=0.5,
            iou_threshold=0.25,
            min_score=min_score,
            max_num=max_num,
            class_wise=class_wise)


@pytest.mark.parametrize('class_wise', [True, False])
@pytest.mark.parametrize('method', METHODS)
def test_equals_the_loop_where_all_scores_are_equal(method, class_wise):
    candidates = [
        (start, end, 1., label)
        for start, end, _, label in random_candidates(150, 3, seed=4)
    ]
    with small_steps():
        assert_equals_the_loop(
            candidates,
            method=method,
            sigma=0.5,
            iou_threshold=0.25,
            min_score=0.001,
            max_num=60,
            class_wise=class_wise)


@pytest.mark.parametrize('max_num', [30, 200])
def test_equals_the_loop_where_one_class_has_most_candidates(max_num):
    candidates = [
        (start, end, score, 0 if i % 10 else label)
        for i, (start, end, score,
                label) in enumerate(random_candidates(300, 8, seed=7))
    ]
    with small_steps():
        assert_equals_the_loop(
            candidates,
            method='gaussian',
            sigma=0.5,
            iou_threshold=0.1,
            min_score=0.001,
            max_num=max_num,
            class_wise=True)


@settings(deadline=None)
@given(candidates_strategy, st.randoms(), st.sampled_from(METHODS),
       st.booleans())
def test_order_of_the_input_is_irrelevant(candidates, random, method,
                                          class_wise):
    shuffled = candidates.copy()
    random.shuffle(shuffled)
    options = dict(method=method, class_wise=class_wise, max_num=8)
    first = soft_nms(*to_tensors(candidates), **options)
    second = soft_nms(*to_tensors(shuffled), **options)
    for a, b in zip(first, second):
        assert torch.equal(a, b)


@settings(deadline=None)
@given(candidates_strategy, st.sampled_from(METHODS), st.integers(1, 40))
def test_output_is_inputs_with_scores_that_never_rise(candidates, method,
                                                      max_num):
    segments, scores, labels = soft_nms(
        *to_tensors(candidates), method=method, max_num=max_num)
    assert len(segments) == len(scores) == len(labels) <= max_num
    assert (scores.diff() <= 0).all()
    left = sorted(candidates, key=lambda c: c[2])
    for (start, end), score, label in zip(segments.tolist(), scores.tolist(),
                                          labels.tolist()):
        # each output uses up an input of the same place and no lower score
        source = next(
            c for c in left
            if (c[0], c[1], c[3]) == (start, end, label) and c[2] >= score)
        left.remove(source)


@settings(deadline=None)
@given(candidates_strategy, st.booleans())
def test_hard_nms_twice_is_hard_nms(candidates, class_wise):
    options = dict(method='hard', class_wise=class_wise, max_num=100)
    once = soft_nms(*to_tensors(candidates), **options)
    twice = soft_nms(*once, **options)
    for a, b in zip(once, twice):
        assert torch.equal(a, b)


@pytest.mark.parametrize('method, expected', [
    ('gaussian', [0.9, 0.8 * math.exp(-(1 / 3)**2 / 0.5), 0.3]),
    ('linear', [0.9, 0.8 * 2 / 3, 0.3]),
    ('hard', [0.9, 0.3]),
])
def test_scores_by_hand(method, expected):
    segments = torch.tensor([[20., 30.], [0., 4.], [2., 6.]]).double()
    scores = torch.tensor([0.3, 0.9, 0.8]).double()
    out = soft_nms(segments, scores, method=method, sigma=0.5)
    assert out[1].tolist() == pytest.approx(expected, rel=1e-5)
    assert out[2] is None


def test_first_of_a_class_stays_below_min_score():
    segments = torch.tensor([[0., 1.], [5., 6.], [0., 1.]])
    scores = torch.tensor([0.01, 0.009, 0.008])
    labels = torch.tensor([0, 0, 1])
    out = soft_nms(segments, scores, labels, min_score=0.1)
    assert out[1].tolist() == pytest.approx([0.01, 0.008])


@pytest.mark.parametrize('min_score', [0., -1.])
def test_hard_nms_drops_scores_of_0(min_score):
    segments = torch.tensor([[0., 1.], [5., 6.]])
    scores = torch.tensor([0., 0.5])
    out = soft_nms(segments, scores, method='hard', min_score=min_score)
    assert out[1].tolist() == [0.5]


def test_classes_do_not_influence_each_other():
    segments = torch.tensor([[0., 4.], [0., 4.]])
    scores = torch.tensor([0.9, 0.8])
    labels = torch.tensor([3, 7])
    out = soft_nms(segments, scores, labels, method='hard')
    assert out[1].tolist() == scores.tolist()
    out = soft_nms(segments, scores, labels, method='hard', class_wise=False)
    assert out[2].tolist() == [3]


@pytest.mark.parametrize('class_wise', [True, False])
@pytest.mark.parametrize('method', METHODS)
def test_empty_input_gives_empty_output(method, class_wise):
    segments, scores, labels = soft_nms(
        torch.zeros(0, 2),
        torch.zeros(0),
        torch.zeros(0, dtype=torch.long),
        method=method,
        class_wise=class_wise)
    assert segments.shape == (0, 2) and scores.shape == (0, )
    assert labels.dtype == torch.long


@pytest.mark.parametrize('method', METHODS)
def test_identical_segments_and_extreme_decay_stay_finite(method):
    segments = torch.full((40, 2), 7.)
    segments[20:, 1] = 1e6
    out = soft_nms(
        segments, torch.ones(40), method=method, sigma=1e-4, min_score=0.)
    assert out[1].isfinite().all() and (out[1] >= 0).all()


def test_dtype_and_inputs_are_left_alone():
    args = to_tensors(random_candidates(50, 3, seed=0))
    args = (args[0].float(), args[1].float(), args[2])
    copies = [arg.clone() for arg in args]
    segments, scores, _ = soft_nms(*args)
    assert segments.dtype == scores.dtype == torch.float
    assert all(torch.equal(a, b) for a, b in zip(args, copies))


def test_segments_and_scores_of_different_dtypes():
    segments, scores, labels = to_tensors(random_candidates(50, 3, seed=0))
    out = soft_nms(segments, scores.float(), labels)
    expected = soft_nms(segments, scores.float().double(), labels)
    assert (out[0].dtype, out[1].dtype) == (torch.double, torch.float)
    assert torch.equal(out[0], expected[0])
    assert torch.equal(out[1], expected[1].float())


@pytest.mark.parametrize('dtype', [torch.half, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    segments, scores, labels = to_tensors(random_candidates(80, 3, seed=0))
    segments, scores = segments.to(dtype), scores.to(dtype)
    out = soft_nms(segments, scores, labels, max_num=1000)
    expected = soft_nms(segments.float(), scores.float(), labels, max_num=1000)
    assert out[0].dtype == out[1].dtype == dtype
    assert torch.equal(out[1], expected[1].to(dtype))


def test_candidates_of_a_device_come_in_one_copy(monkeypatch):
    args = to_tensors(random_candidates(50, 3, seed=0))
    expected = soft_nms(*args)
    monkeypatch.setattr(host, 'is_on_host', lambda tensor: False)
    with DeviceWaits() as waits:
        out = soft_nms(*args)
    assert waits.waits['cpu'] == 1
    assert all(torch.equal(a, b) for a, b in zip(out, expected))


@pytest.mark.parametrize('num_values', [3, 10**6])
def test_best_first_is_a_sort_by_all_keys(num_values):
    rng = np.random.default_rng(0)
    scores, *keys = rng.integers(num_values, size=(3, 200)).astype(float)
    expected = np.lexsort((keys[1], keys[0], -scores))
    assert (best_first(scores, *keys) == expected).all()
    assert len(best_first(scores[:0])) == 0


@pytest.mark.parametrize('change, message', [
    (dict(method='cubic'), 'method must be one of'),
    (dict(sigma=0.), 'sigma must be positive, but got 0'),
    (dict(max_num=0),
     'max_num must be a whole number of at least 1, but got 0'),
    (dict(method='hard', iou_threshold=0.),
     'iou_threshold must be positive to remove segments, but got 0'),
    (dict(scores=torch.ones(3)), r'segments, scores and labels must be'),
    (dict(scores=torch.tensor([1., math.nan])), 'scores must be numbers >= 0'),
    (dict(segments=torch.full((2, 2), math.inf)), 'segments must be finite'),
])
def test_bad_arguments_are_refused(change, message):
    kwargs = dict(
        segments=torch.tensor([[0., 1.], [1., 2.]]), scores=torch.ones(2))
    with pytest.raises(ValueError, match=message):
        soft_nms(**{**kwargs, **change})
