"""MMDetection's losses in our heads, and the head of the quality focal loss"""
import math

import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData

from dyfadet_mm.models import DyHead, FocalLoss
from dyfadet_mm.registry import MODELS
from projects.mmdet_parts.models import QualityDyHead

QFL = dict(type='mmdet.QualityFocalLoss', beta=2.0)
#: Two actions, the first of which has two classes.
GT = InstanceData(
    grid_segments=torch.tensor([(0., 3.), (0., 3.), (8., 16.)]),
    labels=torch.tensor([0, 2, 1]))


def make_head(kind=DyHead, **kwargs):
    options = dict(
        num_classes=3,
        in_channels=4,
        feat_channels=5,
        regression_ranges=((0, 4), (4, 1e4)),
        loss_normalizer=dict(type='dyfadet_mm.LossNormalizer', init_value=10.))
    return kind(**dict(options, **kwargs))


@pytest.fixture
def outputs():
    """Logits, offsets and masks of a video of 14 cells, padded to 16."""
    mask = (torch.arange(16) < 14)[None, None]
    masks = (mask, mask[..., ::2])
    logits = tuple(torch.randn(1, 3, x.size(2)) for x in masks)
    offsets = tuple(3 * torch.rand(1, 2, x.size(2)) for x in masks)
    return logits, offsets, masks


def build_loss(name, scope='dyfadet_mm', **options):
    with DefaultScope.overwrite_default_scope(scope):
        return MODELS.build(dict(type=name, **options))


@pytest.mark.parametrize('scope, name', [('dyfadet_mm', 'mmdet.FocalLoss'),
                                         ('mmdet', 'FocalLoss')])
@pytest.mark.parametrize('alpha, gamma', [(0.25, 2.), (0.7, 1.5)])
def test_focal_losses_are_the_same(scope, name, alpha, gamma):
    theirs = build_loss(name, scope, alpha=alpha, gamma=gamma, loss_weight=2.)
    ours = FocalLoss(alpha=alpha, gamma=gamma, loss_weight=2.)
    assert type(theirs).__module__ == 'mmdet.models.losses.focal_loss'
    pred = torch.randn(40, 3, requires_grad=True)
    for target in (torch.rand(40, 3), (torch.rand(40, 3) < 0.3).float()):
        values = [
            loss(pred, target, weight=None, avg_factor=torch.tensor(7.))
            for loss in (theirs, ours)
        ]
        torch.testing.assert_close(*values)
        torch.testing.assert_close(*[
            torch.autograd.grad(value, pred, retain_graph=True)[0]
            for value in values
        ])


@pytest.mark.parametrize('smoothing', [0., 0.1])
def test_a_head_loses_the_same_by_either_focal_loss(smoothing, outputs):
    losses = [
        make_head(loss_cls=dict(type=name),
                  label_smoothing=smoothing).loss_by_feat(*outputs, [GT])
        for name in ('mmdet.FocalLoss', 'dyfadet_mm.FocalLoss')
    ]
    for name in ('loss_cls', 'loss_reg'):
        assert losses[0][name] > 0
        torch.testing.assert_close(losses[0][name], losses[1][name])


def entropy(logit, target):
    """Binary cross entropy of two numbers."""
    prob = 1 / (1 + math.exp(-logit))
    return -target * math.log(prob) - (1 - target) * math.log(1 - prob)


def test_quality_focal_loss_by_hand():
    """Three cells, of which two shall find the action (0, 3)."""
    head = make_head(
        QualityDyHead,
        num_classes=2,
        regression_ranges=((0, 1e4), ),
        loss_cls=QFL)
    mask = torch.ones(1, 1, 3).bool()
    logits = torch.tensor([[[-1., 0.5, -1.], [-1., -2., -1.]]])
    # distances to the left, then to the right
    offsets = torch.tensor([[[9., 0.5, 9.], [9., 1., 9.]]])
    gt = InstanceData(
        grid_segments=torch.tensor([[0., 3.]]), labels=torch.tensor([0]))
    # within 0.6 of the centre, 1.5, lie cells 1 and 2
    head.assigner.center_radius = 0.6
    target = head.get_targets((mask, ), [gt])
    assert target.labels[0].tolist() == [[0, 0], [1, 0], [1, 0]]
    losses = head.loss_by_feat((logits, ), (offsets, ), (mask, ), [gt])

    def term(logit, aim):
        prob = 1 / (1 + math.exp(-logit))
        return abs(aim - prob)**2 * entropy(logit, aim)

    # cell 1 says (0.5, 2), half of the action; cell 2 says (-7, 11)
    quality = (0.5, 3 / 18)
    expected = (term(0.5, quality[0]) + term(-1., quality[1]) +
                3 * term(-1., 0) + term(-2., 0)) / (0.9 * 10 + 0.1 * 2)
    assert losses['loss_cls'].item() == pytest.approx(expected, rel=1e-5)


def test_regression_and_positives_are_those_of_the_dyhead(outputs):
    """Quality changes the loss of the classes alone."""
    heads = make_head(QualityDyHead, loss_cls=QFL), make_head()
    values = [head.loss_by_feat(*outputs, [GT]) for head in heads]
    torch.testing.assert_close(values[0]['loss_reg'], values[1]['loss_reg'])
    assert torch.equal(heads[0].loss_normalizer.value,
                       heads[1].loss_normalizer.value)
    assert not torch.isclose(values[0]['loss_cls'], values[1]['loss_cls'])


def test_perfect_segments_aim_at_1(outputs):
    logits, offsets, masks = outputs
    heads = make_head(QualityDyHead), make_head()
    target = heads[0].get_targets(masks, [GT]).offsets[0].clamp(min=0)
    offsets = target.t()[None].split([x.size(2) for x in offsets], 2)
    values = [
        head.loss_by_feat(logits, offsets, masks, [GT]) for head in heads
    ]
    torch.testing.assert_close(values[0]['loss_cls'], values[1]['loss_cls'])


def test_quality_is_a_target_without_gradient(outputs):
    logits, offsets, masks = outputs
    offsets = tuple(x.requires_grad_() for x in offsets)
    head = make_head(QualityDyHead, loss_cls=QFL)
    logits = tuple(x.requires_grad_() for x in logits)
    loss = head.loss_by_feat(logits, offsets, masks, [GT])['loss_cls']
    grads = torch.autograd.grad(loss, (*logits, *offsets), allow_unused=True)
    assert all(x.abs().sum() > 0 for x in grads[:2])
    assert grads[2:] == (None, None)


def test_a_batch_without_actions_has_finite_losses(outputs):
    empty = InstanceData(
        grid_segments=torch.zeros(0, 2), labels=torch.zeros(0).long())
    losses = make_head(
        QualityDyHead, loss_cls=QFL).loss_by_feat(*outputs, [empty])
    assert losses['loss_cls'] > 0 and losses['loss_reg'] == 0
