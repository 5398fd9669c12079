"""Recipes against the numbers of trainable parameters that were published."""
import pytest
from settings import CONFIGS, build_without_memory, load_recipe

# millions
PUBLISHED = {
    'dyfadet_i3d_1xb2-40e_thumos14': 28.517,
    'dyfadet_videomaev2-g_1xb2-60e_thumos14': 27.534,
    'dyfadet_tsp_1xb8-15e_activitynet': 20.282,
    'dyfadet_slowfast_1xb8-11e_hacs': 194.106,
    'dyfadet_videomaev2-g_1xb8-14e_hacs': 119.061,
    'dyfadet_slowfast_1xb2-25e_epic100-noun': 31.170,
    'dyfadet_slowfast_1xb2-25e_epic100-verb': 30.885,
    'dyfadet_videomaev2-g_1xb8-16e_fineaction': 22.041,
}
# OpenTAD's have the sizes of the published ones
VARIANTS = {
    'dyfadet-opentad_videomaev2-g_1xb2-45e_thumos14':
    'dyfadet_videomaev2-g_1xb2-60e_thumos14',
    'dyfadet-opentad_tsp_1xb8-16e_activitynet':
    'dyfadet_tsp_1xb8-15e_activitynet',
    'dyfadet-opentad_slowfast_1xb8-14e_hacs':
    'dyfadet_slowfast_1xb8-11e_hacs',
    'dyfadet-opentad_videomaev2-g_1xb8-16e_fineaction':
    'dyfadet_videomaev2-g_1xb8-16e_fineaction',
}


def count(name):
    """Parameters of a recipe's model, all of which are trained."""
    model = build_without_memory(load_recipe(name).model)
    parameters = list(model.parameters())
    assert all(each.requires_grad for each in parameters)
    return sum(each.numel() for each in parameters), model


@pytest.mark.parametrize('name', PUBLISHED)
def test_number_of_parameters_is_the_published_one(name):
    ours, model = count(name)
    # the published code stores a LayerNorm per dynamic layer of both heads,
    # which it never uses; everything else is the same
    unused = sum(2 * layer.depth.norm.weight.numel()
                 for tower in (model.head.cls_tower, model.head.reg_tower)
                 for layer in tower.layers)
    assert unused == 2 * 2 * 2 * model.head.conv_cls.in_channels
    assert f'{(ours + unused) / 1e6:.3f}' == f'{PUBLISHED[name]:.3f}'


@pytest.mark.parametrize('name', VARIANTS)
def test_variants_have_as_many_parameters(name):
    assert count(name)[0] == count(VARIANTS[name])[0]


def test_every_variant_is_compared():
    assert {path.stem
            for path in CONFIGS.glob('dyfadet-opentad*.py')} == set(VARIANTS)
