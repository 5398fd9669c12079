import pytest
import torch
from slow_layers import slow_conv, slow_layer_norm

from dyfadet_mm.models import FPN1d


def slow_fpn(feats, masks, neck, norm):
    """Definition of the neck for one video."""
    levels = [
        slow_conv(x, conv) * mask
        for x, mask, conv in zip(feats, masks, neck.lateral_convs)
    ]
    for level in reversed(range(len(levels) - 1)):
        for t in range(levels[level].shape[1]):
            levels[level][:, t] += levels[level + 1][:, t // 2]
    outs = []
    for x, mask, conv, layer in zip(levels, masks, neck.fpn_convs, neck.norms):
        x = slow_conv(x, conv, groups=len(x)) * mask
        outs.append(slow_layer_norm(x, layer) if norm else x)
    return outs


def noisy(pyramid):
    """With numbers on the padding."""
    return pyramid._replace(feats=tuple(map(torch.randn_like, pyramid.feats)))


@pytest.mark.parametrize('norm', [True, False])
@pytest.mark.parametrize('length', [1, 3, 7, 8])
def test_neck_equals_its_definition(length, norm, randomise, make_pyramid):
    neck = randomise(FPN1d(3, 4, 3, norm=norm))
    pyramid = noisy(
        make_pyramid([length, (length + 1) // 2], length, 3, channels=3))
    outs, cells = neck(pyramid)
    assert cells is pyramid.cells
    for video in range(2):
        expected = slow_fpn([x[video].numpy() for x in pyramid.feats],
                            [x[video, 0].numpy() for x in pyramid.masks], neck,
                            norm)
        for ours, theirs in zip(outs, expected):
            torch.testing.assert_close(ours[video], torch.from_numpy(theirs))


def test_information_flows_down_only(randomise, make_pyramid):
    neck = randomise(FPN1d(3, 4, 3))
    pyramid = make_pyramid([8], 8, 3, channels=3)
    before, _ = neck(pyramid)
    fine, middle, coarse = pyramid.feats
    after, _ = neck(pyramid._replace(feats=(fine, middle + 1, coarse)))
    assert not torch.equal(before[0], after[0])
    assert not torch.equal(before[1], after[1])
    assert torch.equal(before[2], after[2])


def test_inputs_are_not_changed_in_place(make_pyramid):
    pyramid = make_pyramid([8], 8, 3, channels=3)
    copies = [x.clone() for x in pyramid.feats]
    FPN1d(3, 4, 3).double()(pyramid)
    assert all(map(torch.equal, pyramid.feats, copies))


@pytest.mark.parametrize('norm', [True, False])
def test_every_parameter_gets_a_gradient(norm, randomise, make_pyramid):
    neck = randomise(FPN1d(3, 4, 3, norm=norm))
    outs, _ = neck(make_pyramid([8], 8, 3, channels=3))
    sum((x * torch.randn_like(x)).sum() for x in outs).backward()
    for name, parameter in neck.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


def test_convolutions_have_biases_only_without_norm_and_they_start_at_0():
    neck = FPN1d(3, 4, 2)
    for conv in (*neck.lateral_convs, *neck.fpn_convs):
        assert conv.bias is None
    neck = FPN1d(3, 4, 2, norm=False)
    neck.init_weights()
    for conv in (*neck.lateral_convs, *neck.fpn_convs):
        assert conv.bias is not None and not conv.bias.any()
