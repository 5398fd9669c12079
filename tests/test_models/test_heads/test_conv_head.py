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
