import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.structures import InstanceData
from slow_layers import slow_conv

from dyfadet_mm.models import ConvTower, DyTower, TridentHead
from dyfadet_mm.models.heads import trident_head
from dyfadet_mm.models.losses import DIoULoss, FocalLoss
from dyfadet_mm.models.task_modules import Points
from dyfadet_mm.structures import Cells, Pyramid

RANGES = ((0, 4), (4, 1e4))
DY_TOWER = dict(type='dyfadet_mm.DyTower')
TOWERS = pytest.mark.parametrize('tower',
                                 [dict(type='dyfadet_mm.ConvTower'), DY_TOWER])


def make_head(num_bins=3, **kwargs):
    options = dict(
        num_classes=3,
        in_channels=4,
        feat_channels=5,
        num_bins=num_bins,
        regression_ranges=RANGES,
        loss_normalizer=dict(type='dyfadet_mm.LossNormalizer', init_value=10.))
    return TridentHead(**dict(options, **kwargs))


def slow_logits(start, end, bins, label, t):
    """Of one class at one cell: N to 0 cells before it, 0 to N behind it.

    ``start`` and ``end`` are (A, T), ``bins`` is (2 * (N + 1), T).
    """
    num_bins, length = len(bins) // 2 - 1, bins.shape[1]
    left, right = [], []
    for s in range(num_bins + 1):
        before, behind = t - num_bins + s, t + s
        left.append(bins[s, t] + (start[label, before] if before >= 0 else 0))
        right.append(bins[num_bins + 1 + s, t] +
                     (end[label, behind] if behind < length else 0))
    return torch.stack(left), torch.stack(right)


def slow_offsets(*args):
    """Expected offsets of one class at one cell, in tensors of one number."""
    left, right = (x.exp() for x in slow_logits(*args))
    num_bins = len(left) - 1
    d_start = sum((num_bins - s) * left[s] for s in range(num_bins + 1))
    d_end = sum(s * right[s] for s in range(num_bins + 1))
    return torch.stack((d_start / left.sum(), d_end / right.sum()))


def slow_dfl(logits, distance):
    """Of one end, from logits of 0 to N cells: one or two of them are right.

    Generalized focal loss (Li et al., NeurIPS 2020), Eq. (6).
    """
    probabilities = logits.exp() / logits.exp().sum()
    distance = min(distance, len(logits) - 1.01)
    low = int(distance)
    return (-(low + 1 - distance) * probabilities[low].log() -
            (distance - low) * probabilities[low + 1].log())


def decode(head, pyramid):
    """Proposals of every video and level."""
    return head.decode_by_feat(*head(pyramid), pyramid.masks)


@settings(deadline=None, max_examples=40)
@given(
    length=st.integers(1, 9),
    num_bins=st.integers(1, 6),
    num_classes=st.integers(1, 3),
    max_bins=st.sampled_from([1, 40, 2**20]),
    seed=st.integers(0, 99))
def test_offsets_equal_their_definition(length, num_bins, num_classes,
                                        max_bins, seed):
    rng = torch.Generator().manual_seed(seed)
    shapes = [(2, 2 * (num_bins + 1), length)] + 2 * [(2, num_classes, length)]
    bins, start, end = (2 *
                        torch.randn(shape, generator=rng, dtype=torch.float64)
                        for shape in shapes)
    head = make_head(num_bins, num_classes=num_classes)
    with pytest.MonkeyPatch.context() as patch:  # classes in several parts
        patch.setattr(trident_head, 'MAX_BINS', max_bins)
        [out] = head.to_offsets([bins], [start], [end])
    out = out.permute(0, 3, 2, 1)
    assert out.shape == (2, num_classes, length, 2)
    assert (out > 0).all() and (out < num_bins).all()
    for video in range(2):
        for label in range(num_classes):
            for t in range(length):
                expected = slow_offsets(start[video], end[video], bins[video],
                                        label, t)
                torch.testing.assert_close(
                    out[video, label, t], expected.float(), atol=1e-5, rtol=0)


def test_offsets_by_hand():
    """A start two cells before the point, an end beyond the video."""
    start = torch.tensor([[[0., 9., 0., 0.]]])
    bins = torch.zeros(1, 6, 4)
    bins[0, 5, 3] = math.log(3)
    end = torch.zeros(1, 1, 4)
    [out] = make_head(2).to_offsets([bins], [start], [end])
    share = math.exp(9) / (math.exp(9) + 2)
    rest = (1 - share) / 2
    left, right = out[0, :, 3, 0].tolist()
    assert left == pytest.approx(2 * share + rest, abs=1e-5)
    assert right == pytest.approx(1 * 0.2 + 2 * 0.6)


def instances(segments, labels):
    return InstanceData(
        grid_segments=torch.tensor(segments,
                                   dtype=torch.float32).reshape(-1, 2),
        labels=torch.tensor(labels, dtype=torch.long))


def draw(lengths, total, num_bins, num_classes, seed, make_pyramid):
    """Outputs of a head, in float64, and two videos' actions."""
    rng = torch.Generator().manual_seed(seed)

    def randn(channels):
        return tuple(
            torch.randn(
                len(lengths),
                channels,
                mask.size(2),
                generator=rng,
                dtype=torch.float64).requires_grad_() for mask in masks)

    masks = make_pyramid(lengths, total, 2).masks
    outputs = [randn(num_classes), randn(2 * (num_bins + 1))]
    outputs += [randn(num_classes), randn(num_classes)]
    gts = []
    for length in lengths:
        ends = (torch.rand(3, 2, generator=rng) * length).sort(1).values
        ends = torch.cat((ends, ends[:1]))  # two classes for one action
        labels = torch.randint(num_classes, (4, ), generator=rng)
        gts.append(instances(ends.tolist(), labels.tolist()))
    return outputs, masks, gts


def slow_losses(head, outputs, masks, gts, smoothing):
    """Sums over points and pairs, one by one; the number of positives."""
    cls_sum, reg_sum, dfl_sum, positives = 0., 0., 0., 0
    for video, gt in enumerate(gts):
        for level, mask in enumerate(masks):
            logits, bins, start, end = (x[level][video] for x in outputs)
            lengths = [x.size(2) for x in masks]
            points = Points(*(x.split(lengths)[level]
                              for x in head.points(lengths, 'cpu')))
            target = head.assigner.assign(points, gt.grid_segments, gt.labels,
                                          head.num_classes)
            goals = head.coder.encode(points, target.segments).double()
            for t in mask[video, 0].nonzero()[:, 0].tolist():
                positives += int(target.labels[t].any())
                for label in range(head.num_classes):
                    weight, aim = 1., target.labels[t, label].double()
                    if aim:
                        pred = slow_offsets(start, end, bins, label, t)[None]
                        goal = goals[t][None]
                        inter = torch.minimum(pred, goal).sum()
                        union = torch.maximum(pred, goal).sum()
                        weight = (inter / union)**head.iou_weight_power
                        reg_sum = reg_sum + DIoULoss().elements(pred, goal)[0]
                        left, right = slow_logits(start, end, bins, label, t)
                        dfl_sum = dfl_sum + (
                            slow_dfl(left.flip(0), goal[0, 0].item()) +
                            slow_dfl(right, goal[0, 1].item())) / 2
                    aim = aim * (1 - smoothing) + smoothing / (
                        head.num_classes + 1)
                    cls_sum = cls_sum + weight * FocalLoss().elements(
                        logits[label, t], aim)
    return cls_sum, reg_sum, dfl_sum, positives


@settings(deadline=None, max_examples=15)
@given(
    lengths=st.tuples(st.integers(1, 9), st.integers(4, 9)),
    num_bins=st.integers(1, 5),
    num_classes=st.integers(1, 3),
    power=st.sampled_from([0.2, 1., 2.]),
    smoothing=st.sampled_from([0., 0.1]),
    seed=st.integers(0, 99))
def test_losses_and_gradients_equal_their_definition(lengths, num_bins,
                                                     num_classes, power,
                                                     smoothing, seed,
                                                     make_pyramid):
    outputs, masks, gts = draw(lengths, 9, num_bins, num_classes, seed,
                               make_pyramid)
    head = make_head(
        num_bins,
        num_classes=num_classes,
        iou_weight_power=power,
        label_smoothing=smoothing,
        loss_dfl=dict(type='mmdet.DistributionFocalLoss', loss_weight=0.5))
    losses = head.loss_by_feat(*outputs, masks, gts)
    leaves = [x for output in outputs for x in output]
    slow_cls, slow_reg, slow_dfl, positives = slow_losses(
        head, outputs, masks, gts, smoothing)
    divisor = 0.9 * 10 + 0.1 * max(positives, 1)
    assert head.loss_normalizer.value.item() == pytest.approx(divisor)
    for name, slow in (('loss_cls', slow_cls), ('loss_reg', slow_reg),
                       ('loss_dfl', slow_dfl / 2)):
        slow = torch.as_tensor(slow / divisor)
        torch.testing.assert_close(
            losses[name].double(), slow.double(), atol=1e-6, rtol=1e-4)
        if not slow.requires_grad:
            continue
        ours, theirs = (
            torch.autograd.grad(
                loss, leaves, retain_graph=True, allow_unused=True)
            for loss in (losses[name], slow))
        for x, y, leaf in zip(ours, theirs, leaves):
            x, y = (
                torch.zeros_like(leaf) if each is None else each
                for each in (x, y))
            torch.testing.assert_close(x, y, atol=1e-5, rtol=1e-3)


def test_classification_also_trains_the_offsets(make_pyramid):
    outputs, masks, gts = draw((9, 9), 9, 3, 3, 0, make_pyramid)
    loss = make_head().loss_by_feat(*outputs, masks, gts)['loss_cls']
    loss.backward()
    assert all(x[0].grad.any() for x in outputs)


def test_pairs_that_miss_their_action_have_finite_gradients(make_pyramid):
    """So sure of the nearest bins that the offsets round to zero."""
    outputs, masks, gts = draw((9, 9), 9, 3, 3, 0, make_pyramid)
    with torch.no_grad():
        for bins in outputs[1]:
            bins[:, 3:5] = 500.
    losses = make_head().loss_by_feat(*outputs, masks, gts)
    sum(losses.values()).backward()
    assert all(x.grad.isfinite().all() for output in outputs for x in output)


@pytest.mark.parametrize('loss_dfl, trains',
                         [(None, False),
                          (dict(type='mmdet.DistributionFocalLoss'), True)])
def test_one_sure_bin_trains_with_the_loss_of_the_distribution(
        loss_dfl, trains, make_pyramid):
    """All probability at 2 cells: the expectation alone has no slope."""
    outputs, masks, gts = draw((9, 9), 9, 3, 3, 0, make_pyramid)
    with torch.no_grad():
        for bins in outputs[1]:
            bins[:, [1, 6]] = 500.
    losses = make_head(loss_dfl=loss_dfl).loss_by_feat(*outputs, masks, gts)
    sum(losses.values()).backward()
    assert (outputs[1][0].grad.abs().max() > 1e-3) == trains
    assert all(x.grad.isfinite().all() for output in outputs for x in output)


def test_no_actions_cost_no_regression(make_pyramid):
    outputs, masks, _ = draw((9, 5), 9, 3, 3, 0, make_pyramid)
    head = make_head(loss_dfl=dict(type='mmdet.DistributionFocalLoss'))
    losses = head.loss_by_feat(*outputs, masks, [instances([], [])] * 2)
    assert losses['loss_reg'].item() == losses['loss_dfl'].item() == 0
    sum(losses.values()).backward()
    assert all(x.grad is not None for x in outputs[0])


@TOWERS
def test_outputs_are_convolutions_of_the_towers(tower, make_pyramid,
                                                run_packed, randomise):
    head = randomise(make_head(kernel_size=5, tower=tower))
    pyramid = make_pyramid([7, 4], 7, 2)
    outputs = head(pyramid)
    assert [x[0].shape[1] for x in outputs] == [3, 8, 3, 3]
    branches = [(head.cls_tower, head.conv_cls),
                (head.reg_tower, head.conv_reg),
                (head.start_tower, head.conv_start),
                (head.end_tower, head.conv_end)]
    assert [conv.kernel_size for _, conv in branches] == [(5, ), (5, ), (3, ),
                                                          (3, )]
    for (branch, conv), output in zip(branches, outputs):
        feats = run_packed(branch, pyramid, 4)
        for level, mask in enumerate(pyramid.masks):
            x = feats[level][1].detach().numpy()
            expected = torch.from_numpy(slow_conv(x, conv)) * mask[1]
            if conv is head.conv_reg:
                expected = (expected * head.scales[level].scale).relu()
            torch.testing.assert_close(output[level][1], expected)


def test_boundaries_do_not_train_what_is_before_the_head(
        make_pyramid, randomise):
    head = randomise(make_head())
    pyramid = make_pyramid([7, 4], 7, 2)
    feats = [x.requires_grad_() for x in pyramid.feats]
    cls_logits, bins, start, end = head(pyramid)
    sum(x.square().sum() for x in start + end).backward(retain_graph=True)
    assert all(x.grad is None or not x.grad.any() for x in feats)
    assert head.start_tower.convs[0].weight.grad.any()
    sum(x.square().sum() for x in cls_logits + bins).backward()
    assert all(x.grad.any() for x in feats)


@TOWERS
@pytest.mark.parametrize('kernels', [(3, 3), (5, 1), (1, 5)])
def test_two_paddings_give_the_same_detections(tower, kernels, make_pyramid,
                                               randomise):
    kernel_size, boundary_kernel_size = kernels
    head = randomise(
        make_head(
            5,
            kernel_size=kernel_size,
            boundary_kernel_size=boundary_kernel_size,
            tower=tower))
    pyramid = make_pyramid([9, 5], 14, 2)
    longer = Pyramid.of(
        [F.pad(x, (0, 6 // 2**i)) for i, x in enumerate(pyramid.feats)],
        Cells.of([9, 5], 20, 'cpu'))
    for ours, theirs in zip(decode(head, pyramid), decode(head, longer)):
        for (segments, scores), (same, others) in zip(ours, theirs):
            valid = scores.any(1)
            torch.testing.assert_close(scores, others[:len(valid)])
            assert not others[len(valid):].any()
            torch.testing.assert_close(segments[valid],
                                       same[:len(valid)][valid])


@pytest.mark.parametrize('length', [1, 2, 3, 11])
@pytest.mark.parametrize('num_layers', [1, 3])
def test_predictions_of_any_length(length, num_layers, make_pyramid):
    head = make_head(num_layers=num_layers).double()
    pyramid = make_pyramid([length, (length + 1) // 2], length, 2)
    for levels in decode(head, pyramid):
        for level, (segments, scores) in enumerate(levels):
            cells = -(-length // 2**level)
            assert segments.shape == (cells, 3, 2)
            assert scores.shape == (cells, 3)
            position = torch.arange(cells)[:, None] * 2.**level
            assert (segments[..., 0] <= position).all()
            assert (segments[..., 1] >= position).all()


def test_segments_are_offsets_in_strides(make_pyramid):
    outputs, masks, _ = draw((9, 5), 9, 3, 3, 0, make_pyramid)
    head = make_head()
    [_, levels] = head.decode_by_feat(*outputs, masks)
    offsets = head.to_offsets(*outputs[1:])[1]  # (B, 2, T, A)
    left, right = levels[1][0][2, 1].tolist()  # cell 2 is position 4
    assert left == pytest.approx(4 - 2 * offsets[1, 0, 2, 1].item())
    assert right == pytest.approx(4 + 2 * offsets[1, 1, 2, 1].item())


@TOWERS
def test_every_parameter_gets_a_gradient(tower, make_pyramid, randomise):
    head = randomise(make_head(tower=tower))
    with torch.no_grad():  # open gates and ReLUs
        for name, parameter in head.named_parameters():
            if name.endswith(('bias', 'alpha', 'scale')):
                parameter.fill_(1.5)
    pyramid = make_pyramid([12, 9], 12, 2)
    gts = [instances([(1, 5), (2, 12)], [0, 1]), instances([(0, 3)], [2])]
    losses = head.loss_by_feat(*head(pyramid), pyramid.masks, gts)
    sum(losses.values()).backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


@pytest.mark.parametrize('rectify', [True, False])
def test_bins_below_zero_train_if_they_are_not_rectified(
        rectify, make_pyramid, randomise):
    head = randomise(make_head(rectify_bins=rectify))
    with torch.no_grad():
        head.conv_reg.bias.fill_(-100.)
    _, bins, *_ = head(make_pyramid([7, 4], 7, 2))
    (bins[0] * torch.randn_like(bins[0])).sum().backward()
    if rectify:
        assert not bins[0].any() and not head.conv_reg.weight.grad.any()
    else:
        assert (bins[0][0] < 0).all()
        assert (head.conv_reg.bias.grad != 0).all()


def test_prior_and_empty_classes_at_the_start():
    head = make_head(empty_classes=(1, ), prior_prob=0.02)
    head.init_weights()
    for conv in (head.conv_cls, head.conv_start, head.conv_end):
        priors = conv.bias.double().sigmoid().tolist()
        assert priors == pytest.approx([0.02, 1e-6, 0.02], rel=1e-3)
    assert not head.conv_reg.bias.any()


def test_tower_is_that_of_the_config():
    head = make_head(tower=DY_TOWER, boundary_kernel_size=1)
    assert isinstance(head.start_tower, DyTower)
    for tower, size in ((head.start_tower, 1), (head.reg_tower, 3)):
        gate = tower.layers[0].down.attention.gate
        assert gate.conv.kernel_size == (size, )


def test_boundaries_may_have_a_tower_of_their_own():
    conv = dict(type='dyfadet_mm.ConvTower')
    head = make_head(tower=DY_TOWER, boundary_tower=conv)
    assert isinstance(head.cls_tower, DyTower)
    assert isinstance(head.reg_tower, DyTower)
    for tower in (head.start_tower, head.end_tower):
        assert isinstance(tower, ConvTower)
        assert tower.convs[0].weight.shape == (5, 4, 3)
    with pytest.raises(
            ValueError, match=r"boundary_tower .* \['num_layers'\]"):
        make_head(boundary_tower=dict(conv, num_layers=3))


def test_number_of_bins_must_be_positive():
    with pytest.raises(
            ValueError, match='num_bins must be at least 1, .* got 0'):
        make_head(0)
