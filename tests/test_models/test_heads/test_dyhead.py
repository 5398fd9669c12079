import pytest
import torch
from slow_layers import slow_dy_layer

from dyfadet_mm.models import DyLayer, DyTower, GeReTanH, ReTanH
from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells, Pyramid


def scale_path(formation):
    return dict(
        type='dyfadet_mm.DFAAtt',
        attention=dict(type='dyfadet_mm.TapAttention', formation=formation))


@pytest.mark.parametrize('formation', ['c', 'k', 'ck'])
@pytest.mark.parametrize('kernel_size, length, num_levels', [(3, 7, 3),
                                                             (5, 6, 2),
                                                             (3, 1, 2),
                                                             (3, 4, 1)])
def test_layer_equals_its_definition(formation, kernel_size, length,
                                     num_levels, randomise, make_pyramid,
                                     run_packed):
    layer = randomise(DyLayer(3, 4, kernel_size, scale_path(formation)))
    pyramid = make_pyramid([length, (length + 1) // 2], length, num_levels, 3)
    outs = run_packed(layer, pyramid, kernel_size - 1)
    for video in range(2):
        expected = slow_dy_layer([x[video].numpy() for x in pyramid.feats],
                                 [x[video, 0].numpy() for x in pyramid.masks],
                                 layer, formation, kernel_size)
        for ours, theirs in zip(outs, expected):
            torch.testing.assert_close(ours[video], torch.from_numpy(theirs))


def test_tower_runs_its_layers_one_after_the_other(randomise, make_pyramid,
                                                   run_packed):
    tower = randomise(DyTower(4, 5, 2))
    pyramid = make_pyramid([6], 6, 2)
    expected = [x[0].numpy() for x in pyramid.feats]
    for layer in tower.layers:
        expected = slow_dy_layer(expected,
                                 [x[0, 0].numpy() for x in pyramid.masks],
                                 layer, 'c', 3)
    outs = run_packed(tower, pyramid, 2)
    for ours, theirs in zip(outs, expected):
        torch.testing.assert_close(ours[0], torch.from_numpy(theirs))
    none = run_packed(DyTower(4, 5, 0), pyramid, 2)
    assert all(map(torch.equal, none, pyramid.feats))


def test_levels_do_not_mix_at_the_start(make_pyramid, run_packed):
    layer = DyLayer(4, 4).double()
    layer.init_weights()
    assert layer.gamma.item() == 0 and layer.alpha.item() == 1
    pyramid = make_pyramid([8], 8, 3)
    outs = run_packed(layer, pyramid, 2)
    for out, *level in zip(outs, *pyramid):
        alone = run_packed(layer, Pyramid(*zip(level)), 2)
        torch.testing.assert_close(out, alone[0])


def test_only_neighbouring_levels_mix(randomise, make_pyramid, run_packed):
    layer = randomise(DyLayer(4, 4))
    pyramid = make_pyramid([16], 16, 4)
    before = run_packed(layer, pyramid, 2)
    finest, *others = pyramid.feats
    other = pyramid._replace(feats=(finest + 1, *others))
    after = run_packed(layer, other, 2)
    changed = [not torch.equal(*pair) for pair in zip(before, after)]
    assert changed == [True, True, False, False]


def test_every_parameter_gets_a_gradient(randomise, make_pyramid, run_packed):
    layer = randomise(DyLayer(4, 3))
    outs = run_packed(layer, make_pyramid([8, 6], 8, 3), 2)
    sum((x * torch.randn_like(x)).sum() for x in outs).backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


def test_scale_paths_keep_ge_re_tanh_whatever_the_depth_path_uses(make_head):
    head = make_head(
        'ck', tau=2., depth_act_cfg=dict(type='dyfadet_mm.ReTanH'))
    for layer in (*head.cls_tower.layers, *head.reg_tower.layers):
        for path in (layer.down, layer.up):
            act = path.attention.gate.act
            assert isinstance(act, GeReTanH) and act.tau == 2
        assert isinstance(layer.depth.attention.act, ReTanH)
    layer = make_head('c', tau=2.).cls_tower.layers[0]
    assert isinstance(layer.depth.attention.act, GeReTanH)
    assert layer.depth.attention.act.tau == 2


def test_first_layer_widens_and_keeps_its_scale_paths_narrow(make_head):
    first, second = make_head('c').cls_tower.layers
    assert first.down.mix.out_channels == first.up.mix.out_channels == 4
    assert first.depth.mix.out_channels == 5
    assert second.down.mix.out_channels == 5


def test_unknown_formation_is_refused(make_head):
    with pytest.raises(ValueError, match='formation must be one of'):
        make_head('kc')


def test_head_for_another_number_of_levels_is_refused(make_head):
    head = make_head('c')
    num_levels = head.points.num_levels
    feats = (torch.zeros(1, 4, 8), ) * (num_levels + 1)
    pyramid = Pyramid.of(feats, Cells.of([8], 8, 'cpu'))
    with pytest.raises(
            ValueError,
            match=f'fit the {num_levels + 1} levels .* got {num_levels}'):
        head(pyramid)


@pytest.mark.parametrize('gate_bias', [0.6, -0.1])
def test_gates_start_at_their_bias(make_head, gate_bias):
    head = make_head('ck', gate_bias=gate_bias)
    head.init_weights()
    for layer in (*head.cls_tower.layers, *head.reg_tower.layers):
        for conv in (layer.down.attention.gate.conv,
                     layer.up.attention.gate.conv, layer.depth.attention.gate):
            expected = torch.full_like(conv.bias, gate_bias)
            torch.testing.assert_close(conv.bias.data, expected)


def test_gates_without_a_bias_start_as_drawn(make_head):
    head = make_head('c', gate_bias=None)
    gate = head.cls_tower.layers[0].depth.attention.gate
    before = gate.bias.detach().clone()
    head.init_weights()
    assert torch.equal(gate.bias, before)


def test_tower_alone_is_that_of_the_head(make_head, make_pyramid, run_packed):
    """Any head can have it by its name."""
    torch.manual_seed(0)
    tower = make_head('c', num_layers=2).cls_tower
    torch.manual_seed(0)
    alone = MODELS.build(
        dict(
            type='dyfadet_mm.DyTower',
            in_channels=4,
            out_channels=5,
            num_layers=1))
    for module in (tower, alone):
        module.double().init_weights()
    pyramid = make_pyramid([6], 6, 2)
    for ours, theirs in zip(*(run_packed(x, pyramid, 2)
                              for x in (alone, tower))):
        assert theirs.any() and torch.equal(ours, theirs)
