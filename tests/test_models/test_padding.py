"""``pad_to='divisor'``: padding and the rest of a batch change nothing."""
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from mmaction.structures import ActionDataSample
from mmengine.structures import InstanceData

from dyfadet_mm.models import SingleStageTAD
from dyfadet_mm.models.layers import bricks
from dyfadet_mm.models.layers.dyne_layer import halve
from dyfadet_mm.structures import Cells, Padding

HEADS = st.sampled_from(['DyHead', 'ConvHead'])


def make_model(pad_to='divisor',
               head='DyHead',
               position=False,
               fpn=False,
               seed=0):
    torch.manual_seed(seed)
    table = dict(type='dyfadet_mm.SinusoidPosition', max_seq_len=12)
    neck = dict(
        type='dyfadet_mm.FPN1d', in_channels=16, out_channels=16,
        num_levels=3) if fpn else dict(
            type='dyfadet_mm.IdentityFPN', channels=16, num_levels=3)
    model = SingleStageTAD(
        data_preprocessor=dict(
            type='dyfadet_mm.TADDataPreprocessor',
            max_seq_len=24,
            size_divisor=4,
            input_noise=0.5,
            pad_to=pad_to),
        backbone=dict(
            type='dyfadet_mm.DynEBackbone',
            in_channels=5,
            embed_channels=16,
            arch=(2, 1, 2),
            kernel_size=3,
            mlp_channels=8,
            drop_path_rate=0.,
            position=table if position else None),
        neck=neck,
        head=dict(
            type=f'dyfadet_mm.{head}',
            num_classes=3,
            in_channels=16,
            feat_channels=8,
            regression_ranges=[(0, 4), (4, 8), (8, 1e4)])).double()
    with torch.no_grad():
        for param in model.parameters():
            param.add_(0.2 * torch.randn_like(param))
    return model.eval()


def outputs(model, videos, total):
    """Valid logits and offsets of each video, level by level."""
    inputs = torch.stack([F.pad(x, (0, total - x.size(1))) for x in videos])
    cells = Cells.of([x.size(1) for x in videos], total, 'cpu', model.padding)
    with torch.no_grad():
        pyramid = model.extract_feat(inputs, cells)
        both = model.head(pyramid)
    masks = pyramid.masks
    for x, mask in zip(pyramid.feats, masks):
        assert not (x * ~mask).any()
    return [[
        x[video][:, mask[video, 0]] for branch in both
        for x, mask in zip(branch, masks)
    ] for video in range(len(videos))]


def assert_same(ours, theirs):
    for x, y in zip(ours, theirs):
        torch.testing.assert_close(x, y, atol=1e-9, rtol=1e-9)


@settings(deadline=None, derandomize=True, max_examples=25)
@given(
    head=HEADS,
    position=st.booleans(),
    fpn=st.booleans(),
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=3),
    extra=st.integers(0, 17),
    seed=st.integers(0, 99))
def test_outputs_depend_on_neither_padding_nor_batch(head, position, fpn,
                                                     lengths, extra, seed):
    model = make_model('divisor', head, position, fpn, seed)
    videos = [torch.randn(5, length).double() for length in lengths]
    batch = outputs(model, videos, max(lengths) + extra)
    for video, together in zip(videos, batch):
        [alone] = outputs(model, [video], video.size(1))
        assert_same(together, alone)


def test_published_outputs_depend_on_padding():
    """Why the other way is not exact for published weights."""
    model = make_model('max_seq_len')
    video = torch.randn(5, 9).double()
    with torch.no_grad():
        short = model.extract_feat(video[None]).feats[0]
        long = model.extract_feat(
            F.pad(video, (0, 9))[None], Cells.of([9], 18, 'cpu')).feats[0]
    assert (short - long[..., :9]).abs().max() > 1e-3


def sample(name, length):
    return ActionDataSample(
        metainfo=dict(
            video_id=name,
            duration=float(length),
            fps=1.,
            feat_stride=1,
            feat_num_frames=1),
        gt_instances=InstanceData(
            grid_segments=torch.tensor([[0.5, length - 0.5]]),
            labels=torch.tensor([1])))


@pytest.mark.parametrize('pad_to', ['divisor', 'max_seq_len'])
def test_batched_testing_gives_the_results_of_single_videos(pad_to):
    model = make_model(pad_to).float()
    videos = [torch.randn(5, length) for length in (7, 24, 30, 1)]
    names = 'abcd'

    def detect(chosen):
        with torch.no_grad():
            return model.test_step(
                dict(
                    inputs=[videos[i] for i in chosen],
                    data_samples=[
                        sample(names[i], videos[i].size(1)) for i in chosen
                    ]))

    together = detect(range(4))
    for video in range(4):
        [alone] = detect([video])
        ours = together[video].pred_instances
        assert len(ours) == len(alone.pred_instances) > 0
        for key in ('segments', 'scores'):
            torch.testing.assert_close(
                ours[key], alone.pred_instances[key], atol=1e-4, rtol=1e-4)


def test_losses_of_a_batch_ignore_padding():
    """Not even the noise on it counts."""
    model = make_model().train()
    assert model.padding is Padding.IGNORED
    videos = [torch.randn(5, length) for length in (7, 24)]
    losses = []
    for extra in (0, 8):
        lengths = [x.size(1) for x in videos]
        inputs = torch.stack(
            [F.pad(x, (0, 24 + extra - x.size(1))) for x in videos]).double()
        samples = [sample(str(n), n) for n in lengths]
        for data_sample in samples:
            data_sample.set_metainfo(dict(feat_len=int(data_sample.video_id)))
        masks = torch.arange(24 + extra) < torch.tensor(lengths)[:, None, None]
        noise = torch.randn_like(inputs) * ~masks
        model.head.loss_normalizer.value.fill_(10.)
        losses.append(model(inputs + noise, samples, mode='loss'))
    for name in losses[0]:
        torch.testing.assert_close(losses[0][name], losses[1][name])


@pytest.mark.parametrize('length', [1, 2, 5])
def test_masked_group_norm_is_that_of_the_valid_cells(length):
    layer = bricks.MaskedGroupNorm(2, 6).double()
    with torch.no_grad():
        layer.weight.normal_()
        layer.bias.normal_()
    x = torch.randn(1, 6, 7).double()
    mask = torch.arange(7) < torch.full((1, 1, 1), length)
    expected = F.group_norm(x[..., :length], 2, layer.weight, layer.bias)
    torch.testing.assert_close(layer(x, mask)[..., :length], expected)
    assert layer(x, torch.zeros_like(mask)).isfinite().all()


def test_masked_pooling_by_hand():
    x = torch.tensor([[[-1., -2., -3., 9., 9., 9., 9.]]])
    mask = torch.tensor([[[1, 1, 1, 0, 0, 0, 0]]]).bool()
    assert halve(x, mask).tolist() == [[[-1, -2, 0, 0]]]
    assert halve(x).tolist() == [[[-1, 9, 9, 9]]]


def test_pad_to_is_one_of_two():
    with pytest.raises(ValueError, match="pad_to must be one of .*'max'"):
        make_model('max')
