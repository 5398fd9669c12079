import math

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.structures import InstanceData

from dyfadet_mm.models import BaseTADHead
from dyfadet_mm.models.losses import DIoULoss, FocalLoss
from dyfadet_mm.models.task_modules import Points

RANGES = ((0, 4), (4, 1e4))


def instances(segments, labels):
    return InstanceData(
        grid_segments=torch.tensor(segments,
                                   dtype=torch.float32).reshape(-1, 2),
        labels=torch.tensor(labels, dtype=torch.long))


def samples(batch_gt_instances):
    """Data samples; fps 10, stride 5, window 20, so that cell 0 is at 1 s."""
    return [
        ActionDataSample(
            metainfo=dict(
                video_id=str(video),
                duration=20.,
                fps=10.,
                feat_stride=5,
                feat_num_frames=20,
                feat_len=(8, 4)[video]),
            gt_instances=gt) for video, gt in enumerate(batch_gt_instances)
    ]


#: Two actions of different classes and a copy of the first as class 2.
GT = [
    instances([(1, 5), (1, 5), (2, 8)], [0, 2, 1]),
    instances([(0, 3)], [2]),
]


@pytest.fixture
def head(make_head):
    """Static head of two levels whose normaliser starts at 10."""

    def _make(**kwargs):
        options = dict(
            kind='static',
            num_levels=2,
            num_layers=2,
            regression_ranges=RANGES,
            loss_normalizer=dict(
                type='dyfadet_mm.LossNormalizer', init_value=10.))
        options.update(kwargs)
        return make_head(**options)

    return _make


@pytest.fixture
def outputs(make_pyramid):
    """Logits, offsets and masks of two videos of 8 and 4 cells."""
    masks = make_pyramid([8, 4], 8, 2).masks
    logits = tuple(torch.randn(2, 3, mask.size(2)) for mask in masks)
    offsets = tuple(3 * torch.rand(2, 2, mask.size(2)) for mask in masks)
    return logits, offsets, masks


def slow_losses(head, outputs, gts, smoothing=0.):
    """Sums over the points, one by one; and the number of positives."""
    logits, offsets, masks = outputs
    cls_sum, reg_sum, positives = 0., 0., 0
    for video, gt in enumerate(gts):
        for level in range(2):
            lengths = [x.size(2) for x in masks]
            points = Points(*(x.split(lengths)[level]
                              for x in head.points(lengths, 'cpu')))
            target = head.assigner.assign(points, gt.grid_segments, gt.labels,
                                          3)
            for t in range(masks[level].size(2)):
                if not masks[level][video, 0, t]:
                    continue
                label = target.labels[t]
                soft = label * (1 - smoothing) + smoothing / 4
                cls_sum += FocalLoss().elements(logits[level][video, :, t],
                                                soft).sum()
                if label.any():
                    positives += 1
                    start, end = target.segments[t].tolist()
                    position = t * 2**level
                    goal = torch.tensor([[position - start, end - position]])
                    loss = DIoULoss().elements(
                        offsets[level][video, :, t][None], goal / 2**level)
                    reg_sum += label.sum() * loss[0]
    return cls_sum, reg_sum, positives


@pytest.mark.parametrize('smoothing', [0., 0.1])
def test_losses_are_sums_over_valid_points(smoothing, head, outputs):
    head = head(label_smoothing=smoothing)
    cls_sum, reg_sum, positives = slow_losses(head, outputs, GT, smoothing)
    losses = head.loss_by_feat(*outputs, GT)
    divisor = 0.9 * 10 + 0.1 * positives
    assert positives > 4
    assert list(losses) == ['loss_cls', 'loss_reg']
    torch.testing.assert_close(losses['loss_cls'], cls_sum / divisor)
    torch.testing.assert_close(losses['loss_reg'], reg_sum / divisor)
    assert head.loss_normalizer.value.item() == pytest.approx(divisor)


def test_label_smoothing_by_hand(head, outputs):
    """A negative point's classes aim at 0.2 / 4, a positive's at 0.85."""
    logits, offsets, masks = outputs
    head = head(label_smoothing=0.2)
    gts = [instances([], [])] * 2
    zeros = tuple(torch.zeros_like(x) for x in logits)
    loss = head.loss_by_feat(zeros, offsets, masks, gts)['loss_cls']
    valid = sum(mask.sum().item() for mask in masks)
    aim = 0.05
    each = (0.25 * aim + 0.75 * (1 - aim)) * 0.25 * math.log(2)
    assert loss.item() == pytest.approx(each * 3 * valid / 9.1, rel=1e-5)


def test_a_point_of_two_classes_counts_twice_in_the_regression(head, outputs):
    logits, offsets, masks = outputs
    once, twice = head(), head()
    one = [instances([(1, 5)], [0]), instances([], [])]
    two = [instances([(1, 5), (1, 5)], [0, 2]), instances([], [])]
    loss_once = once.loss_by_feat(logits, offsets, masks, one)
    loss_twice = twice.loss_by_feat(logits, offsets, masks, two)
    torch.testing.assert_close(loss_twice['loss_reg'],
                               2 * loss_once['loss_reg'])
    # but it is one positive point
    assert torch.equal(once.loss_normalizer.value, twice.loss_normalizer.value)


def test_a_point_may_count_once_whatever_its_classes(head, outputs):
    one = [instances([(1, 5)], [0]), instances([], [])]
    two = [instances([(1, 5), (1, 5)], [0, 2]), instances([], [])]
    losses = [
        head(reg_weight='points').loss_by_feat(*outputs, gts)['loss_reg']
        for gts in (one, two)
    ]
    assert losses[0] > 0
    torch.testing.assert_close(*losses)
    by_labels = head().loss_by_feat(*outputs, one)['loss_reg']
    torch.testing.assert_close(losses[0], by_labels)


def test_unknown_weight_of_the_regression_is_refused(head):
    with pytest.raises(ValueError, match=r"'points'\), but got 'classes'"):
        head(reg_weight='classes')


def test_padded_cells_cost_nothing_and_are_no_positives(head, outputs):
    logits, offsets, masks = outputs
    outside = [GT[0], instances([(0, 3), (4, 8)], [2, 1])]  # video 1 ends at 4
    expected = head().loss_by_feat(logits, offsets, masks, GT)
    noise = tuple(
        torch.where(mask, x, x + 50) for x, mask in zip(logits, masks))
    losses = head().loss_by_feat(noise, offsets, masks, outside)
    for name in expected:
        torch.testing.assert_close(losses[name], expected[name])


def test_balanced_losses_are_equal_in_value(head, outputs):
    logits, offsets, masks = outputs
    logits = tuple(x.requires_grad_() for x in logits)
    offsets = tuple(x.requires_grad_() for x in offsets)
    plain = head().loss_by_feat(logits, offsets, masks, GT)
    losses = head(balance_losses=True).loss_by_feat(logits, offsets, masks, GT)
    torch.testing.assert_close(losses['loss_reg'], losses['loss_cls'])
    torch.testing.assert_close(losses['loss_cls'], plain['loss_cls'])
    # the factor itself is a constant of the graph
    losses['loss_reg'].backward()
    assert all(x.grad is None for x in logits)
    factor = (plain['loss_cls'] / plain['loss_reg']).detach()
    expected = torch.autograd.grad(plain['loss_reg'] * factor, offsets)
    for x, grad in zip(offsets, expected):
        torch.testing.assert_close(x.grad, grad)


def test_the_balance_of_a_small_regression_loss_is_bounded(head, outputs):
    logits, offsets, masks = outputs
    options = dict(
        loss_normalizer=dict(type='dyfadet_mm.LossNormalizer', init_value=1e4))
    plain = head(**options).loss_by_feat(logits, offsets, masks, GT)
    losses = head(
        balance_losses=True, **options).loss_by_feat(logits, offsets, masks,
                                                     GT)
    assert plain['loss_reg'] < 0.01
    torch.testing.assert_close(losses['loss_reg'],
                               plain['loss_reg'] * plain['loss_cls'] / 0.01)


def test_videos_without_actions_give_zero_regression_still_attached(
        head, make_pyramid):
    head = head().double()
    losses = head.loss(
        make_pyramid([8, 4], 8, 2), samples([instances([], [])] * 2))
    assert losses['loss_reg'].item() == 0 and losses['loss_cls'] > 0
    sum(losses.values()).backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert not head.conv_reg.weight.grad.any()
    assert head.loss_normalizer.value.item() == pytest.approx(9.1)


@pytest.mark.parametrize('kind', ['static', 'c', 'k', 'ck'])
def test_loss_is_finite_and_reaches_every_parameter(kind, head, make_pyramid):
    head = head(kind=kind).double()
    head.init_weights()
    torch.nn.init.constant_(head.conv_reg.bias, 1.)
    losses = head.loss(make_pyramid([8, 4], 8, 2), samples(GT))
    sum(losses.values()).backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_predictions_are_decoded_per_video_and_level(head, outputs):
    logits, offsets, masks = outputs
    videos = head().decode_by_feat(logits, offsets, masks)
    assert len(videos) == 2 and len(videos[0]) == 2
    for video, levels in enumerate(videos):
        for level, (segments, scores) in enumerate(levels):
            length, stride = masks[level].size(2), 2**level
            assert segments.shape == (length, 2)
            assert scores.shape == (length, 3)
            for t in range(length):
                left, right = offsets[level][video, :, t].tolist()
                assert segments[t].tolist() == pytest.approx(
                    [(t - left) * stride, (t + right) * stride], abs=1e-5)
            valid = masks[level][video, 0]
            assert not scores[~valid].any()
            torch.testing.assert_close(
                scores[valid], logits[level][video].sigmoid().t()[valid])


def test_points_may_lie_beside_the_centres_of_cells(head, outputs):
    """As if all actions were moved the other way, and detections back."""
    logits, offsets, masks = outputs
    plain, moved = head(), head(point_offset=-0.5)
    for ours, theirs in zip(
            moved.decode_by_feat(logits, offsets, masks),
            plain.decode_by_feat(logits, offsets, masks)):
        for (segments, scores), (expected, same) in zip(ours, theirs):
            torch.testing.assert_close(segments, expected - 0.5)
            assert torch.equal(scores, same)
    shifted = [
        instances((gt.grid_segments - 0.5).tolist(), gt.labels.tolist())
        for gt in GT
    ]
    assert moved.loss_by_feat(*outputs,
                              shifted) == plain.loss_by_feat(*outputs, GT)


def test_predict_and_loss_run_the_forward(head, make_pyramid):
    head = head(kind='c').double()
    pyramid, videos = make_pyramid([8, 4], 8, 2), samples(GT)
    outputs = (*head(pyramid), pyramid.masks)
    found = head.predict(pyramid, videos)
    expected = head.predict_by_feat(
        *outputs, batch_img_metas=[each.metainfo for each in videos])
    for ours, theirs, levels, video in zip(found, expected,
                                           head.decode_by_feat(*outputs),
                                           videos):
        alone = head.postprocessor(levels, video.metainfo)
        for key in ('segments', 'scores', 'labels'):
            assert torch.equal(ours[key], theirs[key])
            assert torch.equal(ours[key], alone[key])
    losses, head.loss_normalizer.value = head.loss(pyramid,
                                                   videos), torch.tensor(10.)
    assert losses == head.loss_by_feat(*outputs, GT)


def test_normalizer_is_part_of_the_state_dict(head, outputs):
    first, second = head(), head()
    first.loss_by_feat(*outputs, GT)
    assert 'loss_normalizer.value' in first.state_dict()
    second.load_state_dict(first.state_dict(), strict=True)
    assert second.loss_normalizer.value == first.loss_normalizer.value != 10


@pytest.mark.parametrize('wrong', [dict(num_classes=0), dict(num_layers=0)])
def test_numbers_of_classes_and_layers_must_be_positive(wrong, head):
    with pytest.raises(ValueError, match='must be at least 1, but got'):
        head(**wrong)


@pytest.mark.parametrize('name', [
    'in_channels', 'out_channels', 'num_layers', 'kernel_size'
])  # yapf: disable
def test_tower_must_not_set_what_the_head_decides(name):
    tower = dict({'type': 'dyfadet_mm.ConvTower', name: 7})
    with pytest.raises(ValueError, match=rf"^tower .* not set \['{name}'\]"):
        BaseTADHead(tower, 3, 4, 5)


def test_config_of_the_tower_is_not_changed():
    tower = dict(type='dyfadet_mm.ConvTower')
    BaseTADHead(tower, 3, 4, 5)
    assert tower == dict(type='dyfadet_mm.ConvTower')
