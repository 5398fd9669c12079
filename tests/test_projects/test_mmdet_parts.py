"""Recipes with parts of MMDetection, and our parts in its scope."""
import re
import runpy
import sys
from pathlib import Path

import mmdet
import pytest
import torch
from mmdet.registry import MODELS as MMDET_MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from one_step import ONE_STEP, ROOT, check_one_step, load_tool, run_one_step
from real_layouts import THUMOS14, write_thumos14

from dyfadet_mm.models import DyHead
from dyfadet_mm.registry import MODELS

CONFIGS = ROOT / 'projects/mmdet_parts/configs'
RECIPES = sorted(path.stem for path in CONFIGS.glob('*.py'))
NAME = 'dyfadet-{}_i3d_1xb2-40e_thumos14'
#: Settings of the recipes that reach all of their parts.
SMALL = ('width=32', 'mlp_channels=48', 'max_seq_len=96')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Folder with a small THUMOS14."""
    path = tmp_path_factory.mktemp('thumos')
    write_thumos14(path / 'data/thumos14')
    return path


def load_recipe(name, options=SMALL):
    """A recipe with options of the command line."""
    train, path = load_tool('train'), CONFIGS / f'{NAME.format(name)}.py'
    args = train.parse_args([str(path), '--cfg-options', *options])
    return train.merge_args(Config.fromfile(path), args)


def build(name, *options):
    """The model of a recipe, in evaluation mode."""
    cfg = load_recipe(name, (*SMALL, *options))
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        return MODELS.build(cfg.model).eval()


@pytest.mark.parametrize('name', RECIPES)
def test_recipe_trains_and_tests_one_step(name, folder, tmp_path):
    outcome = run_one_step(CONFIGS / f'{name}.py', tmp_path, folder, SMALL)
    check_one_step(*outcome, classes=THUMOS14)


@pytest.mark.parametrize('name, neck, loss', [
    ('fpn', 'mmdet.models.necks.fpn.FPN', 'FocalLoss'),
    ('pafpn', 'mmdet.models.necks.pafpn.PAFPN', 'FocalLoss'),
    ('pafpn-qfl', 'mmdet.models.necks.pafpn.PAFPN', 'QualityFocalLoss'),
])
def test_recipes_hold_the_classes_of_mmdetection(name, neck, loss):
    model = build(name)
    kind = type(model.neck.neck)
    assert f'{kind.__module__}.{kind.__name__}' == neck
    assert isinstance(model.head.loss_cls, getattr(mmdet.models, loss))


def test_the_recipe_in_the_scope_of_mmdetection_is_the_same_detector():
    ours, theirs = build('fpn'), build('fpn_mmdet-scope')
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(1, 2048, 50)
    with torch.no_grad():
        for a, b in zip(ours(x), theirs(x)):
            assert all(map(torch.equal, a, b))


@pytest.mark.parametrize('name', ['fpn', 'bifpn'])
def test_a_neck_that_does_not_fit_is_named_when_it_is_built(name):
    """Both sides of it, with the numbers."""
    match = 'embed_channels gives 32.*model.neck.in_channels takes 48'
    with pytest.raises(ValueError, match=match):
        build(name, 'model.neck.in_channels=48')
    match = 'model.neck.num_levels gives 5.*regression_ranges takes 6'
    with pytest.raises(ValueError, match=match):
        build(name, 'model.neck.num_levels=5')


def test_dyhead_reads_a_pyramid_of_mmdetection_in_its_own_registry():
    with DefaultScope.overwrite_default_scope('mmdet'):
        neck = MMDET_MODELS.build(
            dict(
                type='FPN',
                in_channels=[6, 8, 10],
                out_channels=16,
                num_outs=3,
                conv_cfg=dict(type='Conv1d')))
        head = MMDET_MODELS.build(
            dict(
                type='dyfadet_mm.DyHead',
                num_classes=3,
                in_channels=16,
                feat_channels=8,
                regression_ranges=[(0, 4), (4, 8), (8, 10000)],
                loss_cls=dict(type='FocalLoss')))
    cls_logits, offsets = head(
        neck([
            torch.randn(1, channels, size)
            for channels, size in zip((6, 8, 10), (20, 10, 5))
        ]))
    assert [x.shape for x in cls_logits] == [(1, 3, 20), (1, 3, 10), (1, 3, 5)]
    assert [x.shape for x in offsets] == [(1, 2, 20), (1, 2, 10), (1, 2, 5)]
    cls_logits[0].sum().backward()
    # the finest output hears of the coarsest input, through neck and head
    assert neck.lateral_convs[2].conv.weight.grad.any()


def test_the_script_of_mmdetection_trains_and_ours_tests(
        folder, tmp_path, monkeypatch):
    """The former knows nothing of this package."""
    script = Path(mmdet.__file__).parent / '.mim/tools/train.py'
    if not script.exists():
        pytest.skip('this MMDetection was installed without its scripts')
    config, work_dir = str(tmp_path / 'config.py'), f'--work-dir={tmp_path}'
    load_recipe('fpn_mmdet-scope', (*SMALL, *ONE_STEP[:-1])).dump(config)
    monkeypatch.chdir(folder)

    def run(path, *args):
        monkeypatch.setattr(sys, 'argv', [str(path), config, work_dir, *args])
        runpy.run_path(str(path), run_name='__main__')

    run(script)
    assert (tmp_path / 'epoch_1.pth').exists()
    run(ROOT / 'tools/test.py', str(tmp_path / 'epoch_1.pth'),
        f'--show-dir={tmp_path / "shown"}')
    assert len(list((tmp_path / 'shown').rglob('*.png'))) == 2


def test_the_config_in_the_readme_builds():
    text = (CONFIGS.parent / 'README.md').read_text()
    [code] = re.findall(r'^```python\n(.*?)^```$', text, re.M | re.S)
    cfg = Config.fromstring(code, '.py')
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        with torch.device('meta'):
            model = MODELS.build(cfg.model)
    assert type(model.head) is DyHead
    assert isinstance(model.head.loss_cls, mmdet.models.FocalLoss)
    assert isinstance(model.neck.neck, mmdet.models.PAFPN)
