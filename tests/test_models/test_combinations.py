"""Every encoder works with every head, on videos of any length."""
from functools import lru_cache
from itertools import cycle

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from mmaction.structures import ActionDataSample
from mmengine.structures import InstanceData
from plain import plain_head

from dyfadet_mm.models import DFAAtt
from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells, Pyramid

WIDTH = 16
DYNE = dict(type='dyfadet_mm.DynEBackbone', kernel_size=3, factor=1.5)


def conv(op='PlainConv1d', squeeze=None, **kwargs):
    return dict(
        type='dyfadet_mm.ConvBackbone',
        op=dict(type=f'dyfadet_mm.{op}', **kwargs),
        squeeze=squeeze)


ENCODERS = {
    'conv':
    conv(),
    'deform':
    conv('DeformConv1d'),
    'se':
    conv(squeeze=dict(type='dyfadet_mm.SqueezeExcitation', reduction=4)),
    'dynconv':
    conv('DynamicConv1d'),
    'td3d':
    conv('TD3dConv1d'),
    'dfa-c':
    conv('DFAConv1d', formation='c'),
    'dfa-k':
    conv('DFAConv1d', formation='k'),
    'dfa-ck':
    conv('DFAConv1d', formation='ck'),
    'sa':
    dict(
        type='dyfadet_mm.LocalAttentionBackbone',
        num_heads=2,
        window=[3, 5, -1],
        use_rel_pe=True),
    'sgp':
    dict(
        type='dyfadet_mm.SGPBackbone', kernel_size=3, factor=2., init_std=0.1),
    'dyne':
    DYNE,
    'dyne-live':
    dict(DYNE, init_std=0.1),
}
HEADS = {
    'static':
    dict(type='dyfadet_mm.ConvHead'),
    'convms':
    dict(type='dyfadet_mm.ConvMultiScaleHead'),
    'dyhead':
    dict(type='dyfadet_mm.DyHead'),
    'trident':
    dict(type='dyfadet_mm.TridentHead', num_bins=4, boundary_kernel_size=1),
    'trident-dyhead':
    dict(
        type='dyfadet_mm.TridentHead',
        num_bins=4,
        tower=dict(type='dyfadet_mm.DyTower')),
    'dytrident':
    dict(
        type='dyfadet_mm.DyTridentHead',
        num_bins=4,
        loss_dfl=dict(type='mmdet.DistributionFocalLoss')),
}
EVERY_ENCODER = pytest.mark.parametrize('encoder', ENCODERS)
EVERY_HEAD = pytest.mark.parametrize('head', HEADS)


@lru_cache(maxsize=None)
def make_model(encoder, head, pad_to='max_seq_len'):
    """Three levels and three classes, random weights in float64."""
    position = None
    if encoder in ('sa', 'dyne-live'):
        position = dict(type='dyfadet_mm.SinusoidPosition', max_seq_len=16)
    model = MODELS.build(
        dict(
            type='dyfadet_mm.SingleStageTAD',
            data_preprocessor=dict(
                type='dyfadet_mm.TADDataPreprocessor',
                max_seq_len=16,
                size_divisor=4,
                pad_to=pad_to),
            backbone=dict(
                in_channels=5,
                embed_channels=WIDTH,
                arch=(2, 1, 2),
                position=position,
                **ENCODERS[encoder]),
            neck=dict(
                type='dyfadet_mm.IdentityFPN', channels=WIDTH, num_levels=3),
            head=dict(
                num_classes=3,
                in_channels=WIDTH,
                feat_channels=8,
                num_layers=2,
                regression_ranges=[(0, 4), (4, 8), (8, 1e4)],
                **HEADS[head]),
            postprocessor=dict(
                type='dyfadet_mm.SegmentPostprocessor', score_thr=0.01)))
    model.init_weights()
    generator = torch.Generator().manual_seed(0)
    for name, param in model.double().named_parameters():
        if is_idle(encoder, name):
            continue
        fan = param[0].numel() if param.ndim > 1 else 1
        noise = torch.rand(param.shape, generator=generator) - 0.5
        param.data += noise / fan**0.5
        if name.endswith('bias') and ('gate' in name or 'reduce' in name):
            param.data += 1.  # open, so that gradients pass
    with torch.no_grad():  # candidates at every cell
        model.head.conv_reg.bias.fill_(2.)
        model.head.conv_cls.bias.fill_(-1.)
    return model.train()


def is_idle(encoder, name):
    """The published encoder's convolutions, which stay zero for ever."""
    kind = name.split('.')[-2]
    return encoder == 'dyne' and kind in ('psi', 'window', 'wide', 'fc', 'phi')


def make_sample(length):
    """One action per level, each of a class of its own."""
    segments = [[length / 2 - size, length / 2 + size] for size in (2, 6, 12)]
    sample = ActionDataSample(
        metainfo=dict(
            video_id=f'v_{length}',
            duration=length * 0.5 + 1,
            fps=10.,
            feat_stride=5,
            feat_num_frames=10))
    sample.gt_instances = InstanceData(
        grid_segments=torch.tensor(segments), labels=torch.arange(3))
    return sample


@EVERY_HEAD
@EVERY_ENCODER
def test_training_reaches_every_parameter(encoder, head):
    model = make_model(encoder, head)
    model.zero_grad()
    lengths = (29, 7, 31)
    data = model.data_preprocessor(
        dict(
            inputs=[torch.randn(5, length) for length in lengths],
            data_samples=[make_sample(length) for length in lengths]))
    losses = model(data['inputs'].double(), data['data_samples'], 'loss')
    expected = {'loss_cls', 'loss_reg'}
    if 'loss_dfl' in HEADS[head]:
        expected.add('loss_dfl')
    assert set(losses) == expected
    assert all(loss.isfinite() and loss > 0 for loss in losses.values())
    sum(losses.values()).backward()
    for name, param in model.named_parameters():
        assert param.grad is not None, name
        assert param.grad.isfinite().all(), name
        assert bool(param.grad.any()) != is_idle(encoder, name), name


@EVERY_HEAD
@EVERY_ENCODER
def test_videos_of_any_length_are_detected_as_if_alone(encoder, head):
    model = make_model(encoder, head).eval()
    lengths = (7, 29, 1, 13)
    feats = [torch.randn(5, length).double() for length in lengths]

    def detect(chosen):
        with torch.no_grad():
            batch = model.data_preprocessor(
                dict(
                    inputs=[feats[i] for i in chosen],
                    data_samples=[make_sample(lengths[i]) for i in chosen]))
            return model(batch['inputs'].double(), batch['data_samples'],
                         'predict')

    for i, sample in enumerate(detect(range(4))):
        found = sample.pred_instances
        assert len(found) > 0
        assert (found.segments >= 0).all()
        assert (found.segments <= sample.duration).all()
        assert (found.scores.diff() <= 0).all()
        [alone] = detect([i])
        for key in ('segments', 'scores', 'labels'):
            torch.testing.assert_close(
                found[key], alone.pred_instances[key], rtol=0, atol=1e-6)


def outputs(model, videos, total):
    """Proposals and raw outputs at the valid cells of each video."""
    inputs = torch.stack([F.pad(x, (0, total - x.size(1))) for x in videos])
    cells = Cells.of([x.size(1) for x in videos], total, 'cpu', model.padding)
    with torch.no_grad():
        pyramid = model.extract_feat(inputs, cells)
        masks = pyramid.masks
        raw = model.head(pyramid)
        proposals = model.head.decode_by_feat(*raw, masks)
    for x, mask in zip(pyramid.feats, masks):
        assert not (x * ~mask).any()
    return [[
        part[video].movedim(-1, 0)[masks[level][video, 0]] for branch in raw
        for level, part in enumerate(branch)
    ] + [
        part[masks[level][video, 0]]
        for level, found in enumerate(proposals[video]) for part in found
    ] for video in range(len(videos))]


# of every pair the detections are compared above
@pytest.mark.parametrize('encoder, head', zip(ENCODERS, cycle(HEADS)))
@settings(deadline=None, derandomize=True, max_examples=5)
@given(
    lengths=st.lists(st.integers(1, 30), min_size=2, max_size=3),
    extra=st.integers(0, 17))
def test_outputs_depend_on_neither_padding_nor_batch(encoder, head, lengths,
                                                     extra):
    model = make_model(encoder, head, 'divisor').eval()
    videos = [torch.randn(5, length).double() for length in lengths]
    batch = outputs(model, videos, max(lengths) + extra)
    for video, together in zip(videos, batch):
        [alone] = outputs(model, [video], video.size(1))
        for ours, theirs in zip(together, alone):
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@EVERY_ENCODER
@pytest.mark.parametrize('pad_to', ['max_seq_len', 'divisor'])
def test_packed_dynamic_head_serves_every_encoder(encoder, pad_to):
    """It equals the head without packing, and computes fewer cells."""
    model = make_model(encoder, 'dyhead', pad_to).eval()
    lengths, total = (5, 23), 160
    inputs = torch.zeros(2, 5, total).double()
    for video, length in zip(inputs, lengths):
        video[:, :length].normal_()
    cells = Cells.of(lengths, total, 'cpu', model.padding)
    num_cells = []
    hooks = [
        module.register_forward_pre_hook(
            lambda _, args: num_cells.append(args[0].size(2)))
        for module in model.head.modules() if isinstance(module, DFAAtt)
    ]
    with torch.no_grad():
        pyramid = model.extract_feat(inputs, cells)
        ours = sum(model.head(pyramid), ())
        for video, length in enumerate(lengths):
            # where padding is ignored, the grid ends with the video
            end = length if pad_to == 'divisor' else total
            own = Pyramid.of([
                x[video:video + 1, :, :-(-end // 2**level)]
                for level, x in enumerate(pyramid.feats)
            ], Cells.of([length], end, 'cpu'))
            theirs = sum(plain_head(model.head, own), ())
            for x, [y] in zip(ours, theirs):
                torch.testing.assert_close(
                    x[video, :, :y.size(1)], y, atol=1e-9, rtol=1e-9)
                assert not x[video, :, y.size(1):].any()
    for hook in hooks:
        hook.remove()
    assert len(num_cells) == 6  # three paths of one layer in two towers
    assert max(num_cells) < sum(x.numel() for x in pyramid.masks) / 2
