"""Numbers that are wrong or extreme, and numbers that must not change."""
import math

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.model import ExponentialMovingAverage, MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.structures import InstanceData
from torch import distributed
from torch.multiprocessing import start_processes

from dyfadet_mm.evaluation import tad_map, tad_recall
from dyfadet_mm.evaluation.functional.compound import pair_detections
from dyfadet_mm.evaluation.functional.overlaps import paired_tiou
from dyfadet_mm.evaluation.metrics import (TADMapMetric, TADProposalMetric,
                                           TADRecallMetric)
from dyfadet_mm.models import LossNormalizer
from dyfadet_mm.models.postprocessors import SegmentPostprocessor
from dyfadet_mm.ops import segment_voting, soft_nms
from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils import register_all_modules

LENGTH, CHANNELS, CLASSES = 32, 8, 3
BATCH, STEPS = 6, 4


def small_model(head, balance_losses):
    """A detector without random numbers in training."""
    register_all_modules()
    return MODELS.build(
        dict(
            type='SingleStageTAD',
            data_preprocessor=dict(
                type='TADDataPreprocessor',
                pad_to='max_seq_len',
                max_seq_len=LENGTH,
                size_divisor=4),
            backbone=dict(
                type='DynEBackbone' if head == 'DyHead' else 'SGPBackbone',
                in_channels=CHANNELS,
                embed_channels=CHANNELS,
                arch=(1, 1, 2),
                kernel_size=1,
                factor=1,
                mlp_channels=16,
                drop_path_rate=0.),
            neck=dict(type='IdentityFPN'),
            head=dict(
                type=head,
                num_classes=CLASSES,
                in_channels=CHANNELS,
                feat_channels=CHANNELS,
                num_layers=2,
                balance_losses=balance_losses,
                regression_ranges=[(0, 4), (4, 8), (8, 10000)]),
            postprocessor=dict(type='SegmentPostprocessor')))


def make_batch(seed):
    """Videos with 0 to 2 actions; every third one has none."""
    rng = torch.Generator().manual_seed(seed)
    inputs, samples = [], []
    for index in range(BATCH):
        start = torch.rand(index % 3, 1, generator=rng) * 20
        length = 2 + torch.rand(index % 3, 1, generator=rng) * 10
        sample = ActionDataSample(metainfo=dict(video_id=str(index)))
        sample.gt_instances = InstanceData(
            grid_segments=torch.cat((start, start + length), 1),
            labels=torch.randint(CLASSES, (index % 3, ), generator=rng))
        inputs.append(torch.randn(CHANNELS, LENGTH - index, generator=rng))
        samples.append(sample)
    return inputs, samples


def train(rank, size, folder, *config):
    """What one of several processes does; the first one saves."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = small_model(*config)
    model.init_weights()
    ema, wrapped = ExponentialMovingAverage(model, 0.1), model
    if size > 1:
        distributed.init_process_group(
            'gloo',
            init_method=f'file://{folder}/meeting_{size}',
            rank=rank,
            world_size=size)
        wrapped = MMDistributedDataParallel(model, broadcast_buffers=False)
    optim = OptimWrapper(
        torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
        clip_grad=dict(max_norm=1.))
    for step in range(STEPS):
        inputs, samples = make_batch(step)
        wrapped.train_step(
            dict(inputs=inputs[rank::size], data_samples=samples[rank::size]),
            optim)
        ema.update_parameters(model)
    if rank == 0:
        torch.save(
            [model.state_dict(), ema.module.state_dict()],
            f'{folder}/{size}.pth')
    if size > 1:
        # first what holds the group: freed last, it would wait for a thread
        # that waits for Python
        del wrapped
        distributed.destroy_process_group()


@pytest.mark.parametrize('config', [('DyHead', False), ('TridentHead', True)])
def test_several_processes_equal_one(tmp_path, config):
    num_threads = torch.get_num_threads()
    train(0, 1, tmp_path, *config)
    torch.set_num_threads(num_threads)
    one = torch.load(tmp_path / '1.pth')
    for size in (2, 3):
        start_processes(
            train, (size, tmp_path, *config), size, start_method='fork')
        several = torch.load(tmp_path / f'{size}.pth')
        # the weights, their average and the running normaliser
        torch.testing.assert_close(several, one, atol=1e-5, rtol=1e-5)
    assert one[0]['head.loss_normalizer.value'] != 100
    norms = [key for key in one[0] if key.endswith('norm.weight')]
    assert not any((one[0][key] == 1).all() for key in norms)


SEGMENTS = torch.tensor([[0., 2.], [0., 2.1], [5., 6.]])
SCORES = torch.tensor([0.9, 0.8, 0.7])
NOT_FINITE = [math.nan, math.inf, -math.inf, 10**400, '0.5', None, True]


@pytest.mark.parametrize('method', ['gaussian', 'linear', 'hard'])
@pytest.mark.parametrize('name', ['sigma', 'iou_threshold', 'min_score'])
@pytest.mark.parametrize('value', NOT_FINITE)
def test_soft_nms_refuses_options(method, name, value):
    with pytest.raises(ValueError, match=f'^{name} must be'):
        soft_nms(SEGMENTS, SCORES, method=method, **{name: value})
    with pytest.raises(ValueError, match=f'^{name} must be'):
        SegmentPostprocessor(nms=dict(method=method, **{name: value}))


@pytest.mark.parametrize('value', [1e-50, 5e-324, 0., -1.])
def test_a_sigma_that_is_0_in_float32_is_refused(value):
    with pytest.raises(ValueError, match='^sigma must be positive'):
        soft_nms(SEGMENTS, SCORES, sigma=value)


@pytest.mark.parametrize('value', [1e-30, 1e300])
def test_an_extreme_sigma_leaves_numbers(value):
    assert soft_nms(SEGMENTS, SCORES, sigma=value)[1].isfinite().all()


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf, -1.])
def test_wrong_scores_are_refused(value):
    scores = torch.tensor([0.9, value, 0.7])
    with pytest.raises(ValueError, match='^scores must be numbers >= 0'):
        soft_nms(SEGMENTS, scores)
    with pytest.raises(ValueError, match='^scores must be numbers >= 0'):
        segment_voting(SEGMENTS, SEGMENTS, scores, 0.5)


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf, -2e38, 3e38])
def test_wrong_segments_are_refused(value):
    segments = torch.tensor([[0., 1.], [value, 3e38], [5., 6.]])
    with pytest.raises(ValueError, match='^segments must be finite'):
        soft_nms(segments, SCORES)
    with pytest.raises(ValueError, match='^segments must be finite'):
        segment_voting(SEGMENTS, segments, SCORES, 0.5)


def test_whole_numbers_are_segments_as_before():
    expected = soft_nms(SEGMENTS.round(), SCORES)
    found = soft_nms(SEGMENTS.round().long(), SCORES)
    assert torch.equal(found[1], expected[1])


@pytest.mark.parametrize('value', NOT_FINITE)
def test_wrong_thresholds_are_refused(value):
    with pytest.raises(ValueError, match='^iou_threshold must be'):
        segment_voting(SEGMENTS, SEGMENTS, SCORES, value)
    for name in ('score_thr', 'min_length', 'voting_thr'):
        with pytest.raises(ValueError, match=f'^{name} must be'):
            SegmentPostprocessor(**{name: value})
    if value is not True:
        for metric in (TADMapMetric, TADProposalMetric, TADRecallMetric):
            with pytest.raises(ValueError, match='^tiou_thresholds must be'):
                metric(tiou_thresholds=[0.5, value])


@pytest.mark.parametrize('value', ['0.5', ['0.5'], [[0.5]], [0.5, [0.5]], []])
def test_thresholds_that_are_no_numbers_are_refused(value):
    with pytest.raises(ValueError, match='^tiou_thresholds must be'):
        tad_map({}, {}, value)


@pytest.mark.parametrize('options', [
    dict(init_value=math.nan),
    dict(init_value=math.inf),
    dict(init_value=1e39),
    dict(init_value=0),
    dict(init_value=-1),
    dict(momentum=math.nan),
    dict(momentum=-0.1),
    dict(momentum=1.1)
])
def test_the_normalizer_refuses_what_it_cannot_start_with(options):
    [name] = options
    with pytest.raises(ValueError, match=f'^{name} must be'):
        LossNormalizer(**options)


@pytest.mark.parametrize('nms', [dict(), None])
@pytest.mark.parametrize('where', ['scores', 'segments'])
@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_what_a_broken_model_says_is_refused_by_name(nms, where, value):
    segments = torch.tensor([[0., 2.], [1., 5.]])
    scores = torch.tensor([[0.9], [0.8]])
    (scores if where == 'scores' else segments)[1, 0] = value
    metainfo = dict(
        video_id='v_1',
        fps=10.,
        feat_stride=4,
        feat_num_frames=8,
        duration=60.)
    with pytest.raises(
            ValueError, match="^scores and segments of video 'v_1' must be"):
        SegmentPostprocessor(
            nms=nms, min_length=-1.)([(segments, scores)], metainfo)


@pytest.mark.parametrize('segment', [(-1e308, 1e308), (0, 1e308),
                                     (1e308, 1.7e308), (0, 5e-324),
                                     (1e-300, 2e-300), (-1e308, -5e-324)])
def test_a_perfect_match_is_1_at_any_scale(segment):
    videos = {
        video_id:
        dict(
            segments=np.array([segment, (0., 1.)]),
            labels=np.array([label, label]),
            scores=np.array([1., 0.5]))
        for video_id, label in (('a', 0), ('b', 2**31 - 1))
    }
    assert tad_map(videos, videos, [0.5, 1.], False)['average_mAP'] == 1
    assert tad_recall(
        videos, videos, [1.], deduplicate=False)['average_recall'][0] == 1
    if 5e-324 in map(abs, segment):
        return  # its half is 0
    action = pair_detections(videos, {
        video_id: dict(video, labels=[0, 0])
        for video_id, video in videos.items()
    })
    np.testing.assert_array_equal(action['a']['segments'][0], segment)


def test_scaling_changes_no_other_number():
    rng = np.random.RandomState(0)
    ends = np.sort(rng.rand(2, 1000, 2) * 10.**rng.randint(-9, 9, (1000, 1)))
    huge = np.array([[[0., 1.7e308]]] * 2)
    plain = paired_tiou(*ends)
    np.testing.assert_array_equal(
        paired_tiou(*np.concatenate((ends, huge), 1))[:-1], plain)
    assert (plain > 0).any()


def test_labels_that_would_wrap_are_refused():
    video = dict(segments=[[0., 1.]], labels=[2**62], scores=[1.])
    with pytest.raises(ValueError, match=r"labels of .*\['a'\] must be at"):
        tad_map(dict(a=video, b=video), dict(a=video, b=video), [0.5])
