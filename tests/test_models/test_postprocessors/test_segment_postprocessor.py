import math
import sys

import pytest
import torch
from device_waits import DeviceWaits

from dyfadet_mm.models import SegmentPostprocessor
from dyfadet_mm.ops import host
from dyfadet_mm.ops.checks import NotFiniteError

#: One second is one cell: no shift, no scale.
PLAIN = dict(fps=1., feat_stride=1, feat_num_frames=0, duration=1e4)


def level(*rows):
    """Rows of (start, end, score of each class)."""
    table = torch.tensor(rows).reshape(len(rows), -1)
    return table[:, :2], table[:, 2:]


def detect(*levels, metainfo=PLAIN, **kwargs):
    return SegmentPostprocessor(**kwargs)(levels, metainfo)


def rows_of(detections):
    assert (detections.scores[:-1] >= detections.scores[1:]).all()
    return [(*segment, score, label)
            for segment, score, label in zip(detections.segments.tolist(
            ), detections.scores.tolist(), detections.labels.tolist())]


def test_every_class_of_a_point_is_a_candidate():
    out = detect(level([0., 4., 0.5, 0.25], [8., 9., 0.75, 0.]), nms=None)
    assert rows_of(out) == [(8, 9, 0.75, 0), (0, 4, 0.5, 0), (0, 4, 0.25, 1)]
    assert out.labels.dtype == torch.int64


def test_scores_must_exceed_the_threshold():
    levels = level([0., 1., 0.5], [2., 3., 0.25], [4., 5., 0.3])
    out = detect(levels, nms=None, score_thr=0.25)
    assert out.scores.tolist() == pytest.approx([0.5, 0.3])


def test_the_best_of_each_level_are_kept():
    one = level([0., 1., 0.5, 0.9], [2., 3., 0.8, 0.1])
    two = level([0., 4., 0.2, 0.3], [4., 8., 0.05, 0.04])
    out = detect(one, two, nms=None, pre_nms_topk=2)
    assert out.scores.tolist() == pytest.approx([0.9, 0.8, 0.3, 0.2])
    assert out.labels.tolist() == [1, 0, 1, 0]


def test_short_candidates_are_dropped_after_the_top_k():
    """In cells, not seconds; and they still take a place in the top-k."""
    levels = level([0., 2., 0.9], [3., 5.5, 0.8], [6., 9., 0.7])
    meta = dict(PLAIN, fps=100.)
    out = detect(levels, nms=None, min_length=2., metainfo=meta)
    assert out.scores.tolist() == pytest.approx([0.8, 0.7])
    out = detect(
        levels, nms=None, min_length=2., pre_nms_topk=2, metainfo=meta)
    assert out.scores.tolist() == pytest.approx([0.8])


def test_levels_are_suppressed_together_and_classes_apart():
    one = level([0., 4., 0.9, 0.6])
    two = level([0., 4., 0.8, 0.])
    nms = dict(method='hard', iou_threshold=0.5)
    assert rows_of(detect(one, two,
                          nms=nms)) == [(0, 4, pytest.approx(0.9), 0),
                                        (0, 4, pytest.approx(0.6), 1)]
    out = detect(one, two, nms=dict(nms, class_wise=False))
    assert rows_of(out) == [(0, 4, pytest.approx(0.9), 0)]


def test_arguments_reach_soft_nms():
    """Half of the union overlaps: the second score decays by exp(-1/4)."""
    levels = level([0., 4., 0.8], [0., 2., 0.4])
    out = detect(levels, nms=dict(sigma=1.))
    decayed = 0.4 * torch.tensor(-0.25).exp().item()
    assert out.scores.tolist() == pytest.approx([0.8, decayed], rel=1e-4)
    assert len(detect(levels, nms=dict(max_num=1)).scores) == 1


@pytest.mark.parametrize('class_wise, voting_thr, expected', [
    (False, 0.7, [0.25, 8.25]),
    (False, 0., [0., 8.]),
    (False, 0.95, [0., 8.]),
    (True, 0.7, [0., 8.]),
])
def test_candidates_vote_only_after_class_agnostic_suppression(
        class_wise, voting_thr, expected):
    """Votes weigh 0.75 and 0.25; the third candidate is elsewhere."""
    levels = level([0., 8., 0.75], [1., 9., 0.25], [20., 24., 0.5])
    nms = dict(method='hard', iou_threshold=0.5, class_wise=class_wise)
    out = detect(levels, nms=nms, voting_thr=voting_thr)
    assert out.segments.tolist() == [expected, [20., 24.]]
    assert out.scores.tolist() == [0.75, 0.5]


def test_votes_weigh_by_overlap_if_asked_to():
    """Weights 0.75, and 0.25 times a tIoU of 7 / 9."""
    levels = level([0., 8., 0.75], [1., 9., 0.25], [20., 24., 0.5])
    nms = dict(method='hard', iou_threshold=0.5, class_wise=False)
    out = detect(levels, nms=nms, voting_thr=0.7, voting_by_iou=True)
    shift = (0.25 * 7 / 9) / (0.75 + 0.25 * 7 / 9)
    assert out.segments[0].tolist() == pytest.approx([shift, 8 + shift])


@pytest.mark.parametrize('topk_per_level', [True, False])
def test_every_class_may_have_its_own_segment(topk_per_level):
    segments = torch.arange(12.).reshape(2, 3, 2)**2  # points, classes
    scores = torch.tensor([[0.5, 0.9, 0.], [0.4, 0., 0.8]])
    levels = [(segments[:1], scores[:1]), (segments[1:], scores[1:])]
    out = detect(*levels, nms=None, topk_per_level=topk_per_level)
    assert rows_of(out) == [(4, 9, pytest.approx(0.9), 1),
                            (100, 121, pytest.approx(0.8), 2),
                            (0, 1, pytest.approx(0.5), 0),
                            (36, 49, pytest.approx(0.4), 0)]


def test_length_is_that_of_the_class():
    segments = torch.tensor([[[0., 1.], [0., 4.]]])
    out = detect((segments, torch.tensor([[0.9, 0.8]])),
                 nms=None,
                 min_length=2.)
    assert out.labels.tolist() == [1]


def test_segments_become_seconds_within_the_video():
    meta = dict(fps=10., feat_stride=4, feat_num_frames=16, duration=6.)
    levels = level([1., 3., 0.9], [-5., 4., 0.8], [10., 40., 0.7])
    out = detect(levels, metainfo=meta, nms=None)
    expected = [[1.2, 2.0], [0., 2.4], [4.8, 6.]]
    torch.testing.assert_close(out.segments, torch.tensor(expected))


@pytest.mark.parametrize('nms', [None, {}, dict(class_wise=False)])
def test_nothing_above_the_threshold_gives_no_detections(nms):
    levels = level([0., 4., 0., 0.])
    out = detect(levels, levels, nms=nms, voting_thr=0.5)
    assert out.segments.shape == (0, 2)
    assert out.scores.shape == out.labels.shape == (0, )


@pytest.mark.parametrize('key',
                         ['fps', 'feat_stride', 'feat_num_frames', 'duration'])
@pytest.mark.parametrize('present', [True, False])
def test_missing_metainfo_names_the_video_and_the_field(key, present):
    meta = dict(PLAIN, video_id='v_1')
    meta[key] = None
    if not present:
        del meta[key]
    with pytest.raises(KeyError, match=f"'v_1' must have '{key}'"):
        detect(level([0., 1., 0.5]), metainfo=meta)


def test_inputs_are_not_changed_in_place():
    segments, scores = level([0., 8., 0.75], [1., 9., 0.5])
    copies = segments.clone(), scores.clone()
    detect((segments, scores), nms=dict(class_wise=False), voting_thr=0.5)
    assert torch.equal(segments, copies[0]) and torch.equal(scores, copies[1])


def random_levels(seed, dtype=torch.float, per_class=False):
    """Levels with few distinct scores, so that many are equal."""
    rng = torch.Generator().manual_seed(seed)
    levels = []
    for length in (40, 20, 10):
        size = (length, 3, 2) if per_class else (length, 2)
        segments = 40 * torch.rand(size, generator=rng).sort(-1).values
        scores = torch.randint(8, (length, 3), generator=rng) / 8
        levels.append((segments.to(dtype), scores.to(dtype)))
    return levels


@pytest.fixture
def on_device(monkeypatch):
    """Treats tensors as those of a device."""
    module = sys.modules[SegmentPostprocessor.__module__]
    for each in (host, module):
        monkeypatch.setattr(each, 'is_on_host', lambda tensor: False)


@pytest.mark.parametrize('change', [
    dict(),
    dict(nms=None),
    dict(topk_per_level=False),
    dict(pre_nms_topk=None),
    dict(nms=dict(class_wise=False), voting_thr=0.5),
])
@pytest.mark.parametrize('per_class', [False, True])
@pytest.mark.parametrize('dtype', [torch.double, torch.float, torch.half])
def test_a_device_gives_the_same_detections(dtype, per_class, change, request):
    levels = random_levels(0, dtype, per_class)
    options = dict(dict(pre_nms_topk=25, min_length=2.), **change)
    expected = detect(*levels, **options)
    request.getfixturevalue('on_device')
    found = detect(*levels, **options)
    assert rows_of(found) == rows_of(expected) and len(found) > 20
    assert found.scores.dtype == found.segments.dtype == dtype


def test_a_batch_waits_once_for_a_device(on_device):
    batch = [random_levels(seed) for seed in range(3)]
    postprocessor = SegmentPostprocessor()
    with DeviceWaits() as waits:
        candidates = postprocessor.collect(batch)
    assert waits.waits == {'cpu': 1}
    for levels, each in zip(batch, candidates):
        expected = postprocessor(levels, PLAIN)
        assert rows_of(postprocessor.detect(each, PLAIN)) == rows_of(expected)


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize('place', [0, 1])
def test_numbers_that_are_not_finite_name_the_video(place, value):
    levels = random_levels(0)
    levels[1][place][3, 1] = value
    with pytest.raises(NotFiniteError, match="video 'v_1' must be finite"):
        detect(*levels, metainfo=dict(PLAIN, video_id='v_1'))


def test_scores_that_need_a_gradient():
    levels = [(a.requires_grad_(), b.requires_grad_())
              for a, b in random_levels(0)]
    assert not detect(*levels).segments.requires_grad
