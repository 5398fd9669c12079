import pytest
import torch

from dyfadet_mm.models import ScaledDropPath


def test_scale_starts_at_1e_4_and_works_per_channel():
    layer = ScaledDropPath(3).eval()
    assert layer.scale.tolist() == pytest.approx([1e-4] * 3)
    with torch.no_grad():
        layer.scale.copy_(torch.tensor([1., 2., 3.]))
    out = layer(torch.ones(2, 3, 2))
    assert out.tolist() == [[[1, 1], [2, 2], [3, 3]]] * 2


def test_evaluation_and_rate_0_drop_nothing():
    x = torch.randn(4, 3, 5)
    assert torch.equal(ScaledDropPath(3, 0.9, 1.).eval()(x), x)
    assert torch.equal(ScaledDropPath(3, 0., 1.).train()(x), x)


def test_whole_videos_are_dropped_and_the_mean_is_kept():
    layer = ScaledDropPath(2, 0.25, 1.).train()
    out = layer(torch.ones(4000, 2, 3)).detach()
    values = out.flatten(1)
    assert (values == values[:, :1]).all()
    dropped = values[:, 0] == 0
    assert values[~dropped].unique().tolist() == pytest.approx([1 / 0.75])
    assert dropped.float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert out.mean().item() == pytest.approx(1, abs=0.05)


def test_scale_gets_a_gradient():
    layer = ScaledDropPath(3, 0.).train()
    layer(torch.randn(1, 3, 4)).sum().backward()
    assert layer.scale.grad.all()
