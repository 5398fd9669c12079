import pytest
import torch
from slow_layers import slow_layer_norm

from dyfadet_mm.models import IdentityFPN


@pytest.mark.parametrize('length', [1, 2, 3, 9])
def test_every_level_has_a_norm_of_its_own(length, randomise, make_pyramid):
    neck = randomise(IdentityFPN(4, 3))
    pyramid = make_pyramid([length], length, 3)
    outs, cells = neck(pyramid)
    assert cells is pyramid.cells
    for out, x, norm in zip(outs, pyramid.feats, neck.norms):
        expected = torch.from_numpy(slow_layer_norm(x[0].numpy(), norm))
        torch.testing.assert_close(out[0], expected)
    sum((out * torch.randn_like(out)).sum() for out in outs).backward()
    assert all(parameter.grad.any() for parameter in neck.parameters())


def test_without_norm_nothing_changes(make_pyramid):
    pyramid = make_pyramid([6], 6, 2)
    outs, _ = IdentityFPN(4, 2, norm=False)(pyramid)
    assert all(map(torch.equal, outs, pyramid.feats))
