import pytest
import torch
from slow_layers import slow_layer_norm

from dyfadet_mm.models import IdentityFPN


@pytest.mark.parametrize('length', [1, 2, 3, 9])
def test_every_level_has_a_norm_of_its_own(length, randomise, make_masks):
    neck = randomise(IdentityFPN(4, 3))
    masks = make_masks([length], length, 3)
    feats = tuple(torch.randn(1, 4, x.size(2)).double() for x in masks)
    outs, out_masks = neck(feats, masks)
    assert out_masks is masks
    for out, x, norm in zip(outs, feats, neck.norms):
        expected = torch.from_numpy(slow_layer_norm(x[0].numpy(), norm))
        torch.testing.assert_close(out[0], expected)
    sum((out * torch.randn_like(out)).sum() for out in outs).backward()
    assert all(parameter.grad.any() for parameter in neck.parameters())


def test_without_norm_nothing_changes(make_masks):
    masks = make_masks([6], 6, 2)
    feats = tuple(torch.randn(1, 4, x.size(2)) for x in masks)
    outs, _ = IdentityFPN(4, 2, norm=False)(feats, masks)
    assert all(map(torch.equal, outs, feats))
