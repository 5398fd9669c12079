import numpy as np
import pytest
import torch
from slow_layers import slow_conv, slow_layer_norm

from dyfadet_mm.models import ConvTower


@pytest.mark.parametrize('kernel_size, num_layers', [(3, 2), (5, 1), (3, 0)])
def test_tower_equals_its_definition(kernel_size, num_layers, randomise,
                                     make_pyramid, run_packed):
    tower = randomise(ConvTower(4, 5, num_layers, kernel_size))
    pyramid = make_pyramid([7, 4], 7, 2)
    outs = run_packed(tower, pyramid, kernel_size - 1)
    for x, mask, out in zip(pyramid.feats, pyramid.masks, outs):
        for video in range(2):
            y, valid = x[video].numpy(), mask[video, 0].numpy()
            for conv, norm in zip(tower.convs, tower.norms):
                y = slow_layer_norm(slow_conv(y, conv) * valid, norm)
                y = np.maximum(y, 0)
            torch.testing.assert_close(out[video][:, valid],
                                       torch.from_numpy(y)[:, valid])


@pytest.mark.parametrize('padding, second', [('published', 2.),
                                             ('masked', 1.)])
def test_a_layer_reads_what_the_one_before_left_on_padding(
        padding, second, make_pyramid, run_packed):
    """The bias of a norm, or zero."""
    tower = ConvTower(1, 1, 2).double()
    for conv, norm in zip(tower.convs, tower.norms):
        conv.weight.data.fill_(1.)
        norm.weight.data.zero_()
        norm.bias.data.fill_(1.)
    seen = []
    tower.norms[1].register_forward_pre_hook(
        lambda module, args: seen.append(args[0]))
    run_packed(tower, make_pyramid([1], 3, 1, 1, padding), 2)
    # at its only cell, itself and the padding behind it
    assert seen[0][0, 0, 0] == second


def test_norms_have_the_arguments_of_the_head(make_head):
    head = make_head('static', norm_cfg=dict(eps=0.1))
    for tower in (head.cls_tower, head.reg_tower):
        assert [norm.eps for norm in tower.norms] == [0.1, 0.1]


def test_towers_of_the_head_have_d_minus_1_layers_without_bias(make_head):
    head = make_head('static', num_layers=4)
    for tower in (head.cls_tower, head.reg_tower):
        assert [conv.bias for conv in tower.convs] == [None] * 3
        assert [conv.in_channels for conv in tower.convs] == [4, 5, 5]
    head = make_head('static', num_layers=1)
    assert head.conv_cls.in_channels == 4 and not len(head.cls_tower.convs)


def test_outputs_are_convolutions_of_the_towers(make_head, make_pyramid,
                                                run_packed, randomise):
    head = randomise(make_head('static'))
    pyramid = make_pyramid([7, 4], 7, 3)
    cls_logits, offsets = head(pyramid)
    cls_feats, reg_feats = (
        run_packed(tower, pyramid, 2)
        for tower in (head.cls_tower, head.reg_tower))
    for level, mask in enumerate(pyramid.masks):
        x = cls_feats[level][1].detach().numpy()
        expected = slow_conv(x, head.conv_cls) * mask[1].numpy()
        torch.testing.assert_close(cls_logits[level][1],
                                   torch.from_numpy(expected))
        x = reg_feats[level][1].detach().numpy()
        expected = slow_conv(x, head.conv_reg) * mask[1].numpy()
        expected *= head.scales[level].scale.item()
        torch.testing.assert_close(offsets[level][1],
                                   torch.from_numpy(np.maximum(expected, 0)))
