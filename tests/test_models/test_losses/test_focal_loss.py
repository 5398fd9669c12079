import math

import pytest
import torch

from dyfadet_mm.models import FocalLoss


def closed_form(logit, target, alpha, gamma):
    p = 1 / (1 + math.exp(-logit))
    if target == 1:
        return -alpha * (1 - p)**gamma * math.log(p)
    return -(1 - alpha) * p**gamma * math.log(1 - p)


@pytest.mark.parametrize('logit', [-4., -0.3, 0., 1.7])
@pytest.mark.parametrize('target', [0., 1.])
@pytest.mark.parametrize('alpha, gamma', [(0.25, 2.), (0.4, 1.), (0.5, 0.)])
def test_hard_targets_follow_the_closed_form(logit, target, alpha, gamma):
    loss = FocalLoss(alpha, gamma).elements(
        torch.tensor([logit]), torch.tensor([target]))
    expected = closed_form(logit, target, alpha, gamma)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize('target', [0.1, 0.5, 0.95])
def test_soft_targets_mix_entropy_modulation_and_balance(target):
    logit = 0.8
    p = 1 / (1 + math.exp(-logit))
    entropy = -target * math.log(p) - (1 - target) * math.log(1 - p)
    p_t = p * target + (1 - p) * (1 - target)
    alpha_t = 0.25 * target + 0.75 * (1 - target)
    loss = FocalLoss().elements(torch.tensor([logit]), torch.tensor([target]))
    assert loss.item() == pytest.approx(
        alpha_t * (1 - p_t)**2 * entropy, rel=1e-5)


def test_loss_is_summed_weighted_and_divided():
    logits, targets = torch.randn(5, 3), torch.randint(2, (5, 3)).float()
    each = FocalLoss().elements(logits, targets)
    weight = torch.rand(5, 1)
    loss = FocalLoss(loss_weight=3.)(logits, targets, weight, avg_factor=4.)
    torch.testing.assert_close(loss, 3 * (each * weight).sum() / 4)
    torch.testing.assert_close(FocalLoss()(logits, targets), each.sum())


def test_perfect_logits_cost_nothing():
    logits = torch.tensor([[40., -40.]])
    assert FocalLoss()(logits, torch.tensor([[1., 0.]])).item() < 1e-12


def test_extreme_logits_have_finite_loss_and_gradient():
    logits = torch.tensor([500., -500., 500., -500.], requires_grad=True)
    loss = FocalLoss()(logits, torch.tensor([0., 1., 1., 0.]))
    loss.backward()
    assert loss.isfinite() and logits.grad.isfinite().all()
    assert loss.item() == pytest.approx(0.75 * 500 + 0.25 * 500)


def test_no_points_give_zero_still_attached():
    logits = torch.zeros(0, 3, requires_grad=True)
    loss = FocalLoss()(logits * 2, torch.zeros(0, 3))
    assert loss.item() == 0 and loss.requires_grad
    loss.backward()
