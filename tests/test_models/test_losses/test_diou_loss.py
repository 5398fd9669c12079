import pytest
import torch

from dyfadet_mm.models import DIoULoss


def slow_diou(pred, target):
    """The loss of segments around 0, from starts and ends."""
    start, end = -pred[0], pred[1]
    gt_start, gt_end = -target[0], target[1]
    inter = min(end, gt_end) - max(start, gt_start)
    union = (end - start) + (gt_end - gt_start) - inter
    hull = max(end, gt_end) - min(start, gt_start)
    distance = (start + end) / 2 - (gt_start + gt_end) / 2
    return 1 - inter / union + (distance / hull)**2


def test_loss_by_hand():
    """(-1, 3) and (-2, 2): 3 of 5 shared, centres 1 apart in a hull of 5."""
    loss = DIoULoss().elements(
        torch.tensor([[1., 3.]]), torch.tensor([[2., 2.]]))
    assert loss.tolist() == pytest.approx([1 - 3 / 5 + (1 / 5)**2])


def test_loss_follows_the_closed_form():
    pred, target = 5 * torch.rand(50, 2), 5 * torch.rand(50, 2) + 0.1
    expected = [
        slow_diou(*pair) for pair in zip(pred.tolist(), target.tolist())
    ]
    assert DIoULoss().elements(pred, target).tolist() == pytest.approx(
        expected, rel=1e-4, abs=1e-6)


def test_perfect_offsets_cost_nothing():
    offsets = torch.rand(6, 2) + 0.1
    torch.testing.assert_close(
        DIoULoss().elements(offsets, offsets),
        torch.zeros(6),
        atol=1e-6,
        rtol=0)


def test_same_centre_has_no_distance_term():
    loss = DIoULoss().elements(
        torch.tensor([[1., 1.]]), torch.tensor([[4., 4.]]))
    assert loss.tolist() == pytest.approx([1 - 2 / 8])


@pytest.mark.parametrize('pred', [[0., 0.], [1., 0.], [0., 2.]])
@pytest.mark.parametrize('target', [[0., 0.], [1., 1.], [0., 2.]])
def test_segments_of_no_length_have_finite_loss_and_gradient(pred, target):
    pred = torch.tensor([pred], requires_grad=True)
    loss = DIoULoss()(pred, torch.tensor([target]))
    loss.backward()
    assert loss.isfinite() and pred.grad.isfinite().all()


def test_loss_is_summed_weighted_and_divided():
    pred, target = torch.rand(4, 2), torch.rand(4, 2)
    each = DIoULoss().elements(pred, target)
    weight = torch.tensor([1., 2., 0., 3.])
    loss = DIoULoss(loss_weight=0.5)(pred, target, weight, avg_factor=10.)
    torch.testing.assert_close(loss, 0.5 * (each * weight).sum() / 10)
    torch.testing.assert_close(DIoULoss()(pred, target), each.sum())


def test_no_positives_give_zero_still_attached():
    pred = torch.zeros(3, 2, requires_grad=True)
    none = torch.zeros(3, dtype=torch.bool)
    loss = DIoULoss()(pred[none], torch.zeros(0, 2), torch.zeros(0))
    assert loss.item() == 0 and loss.requires_grad
    loss.backward()
    assert not pred.grad.any()
