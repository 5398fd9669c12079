import torch

from dyfadet_mm.models import ScalarScale


def test_scale_multiplies_by_one_learnable_number():
    scale = ScalarScale(2.)
    x = torch.tensor([[1., -3.]])
    out = scale(x)
    assert out.tolist() == [[2., -6.]]
    out.sum().backward()
    assert scale.scale.grad.item() == -2
    assert scale.scale.shape == () and ScalarScale().scale.item() == 1
