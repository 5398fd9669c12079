from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.hooks import Hook
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope, init_default_scope

from dyfadet_mm.engine.settings import bind_settings
from dyfadet_mm.registry import (DATASETS, HOOKS, METRICS, MODELS,
                                 PARAM_SCHEDULERS, VISUALIZERS)

ROOT = Path(__file__).parents[1]
RECIPES = sorted(
    path for folder in ('configs', 'projects')
    for path in (ROOT / folder).rglob('*.py') if '_base_' not in path.parts)


@pytest.fixture(params=RECIPES, ids=lambda path: path.stem)
def cfg(request):
    cfg = Config.fromfile(request.param)
    bind_settings(cfg)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        init_default_scope(cfg.default_scope)
        yield cfg


def test_recipe_builds(cfg):
    model = MODELS.build(cfg.model)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    groups = wrapper.optimizer.param_groups
    updated = {id(p) for group in groups for p in group['params']}
    assert updated == {id(p) for p in model.parameters()}
    for scheduler in cfg.param_scheduler:
        scheduler = dict(scheduler)
        scheduler.pop('convert_to_iter_based')
        PARAM_SCHEDULERS.build(
            dict(scheduler, optimizer=wrapper.optimizer, by_epoch=True))
    for hook in (*cfg.default_hooks.values(), *cfg.custom_hooks):
        assert isinstance(HOOKS.build(hook), Hook)
    for split in ('train', 'val', 'test'):
        data = cfg[f'{split}_dataloader'].dataset
        Compose(data.pipeline)
        DATASETS.build(dict(data, lazy_init=True, pipeline=[]))
    METRICS.build(cfg.val_evaluator)
    METRICS.build(cfg.test_evaluator)
    assert VISUALIZERS.get(cfg.visualizer.type) is not None


def test_recipe_states_every_fact_once(cfg):
    """Model, pipelines and schedule agree on what each recipe states."""
    model, data = cfg.model, cfg.train_dataloader.dataset
    assert data.pipeline[0].feat_dim == model.backbone.in_channels
    truncate = [x for x in data.pipeline if x.type == 'RandomTruncate']
    assert truncate[0].max_seq_len == model.data_preprocessor.max_seq_len
    assert cfg.param_scheduler[-1].end == cfg.train_cfg.max_epochs
    assert cfg.param_scheduler[0].end == cfg.param_scheduler[1].begin


def test_thumos14_has_the_published_number_of_parameters():
    cfg = Config.fromfile(ROOT /
                          'configs/dyfadet/dyfadet_i3d_1xb2-40e_thumos14.py')
    with DefaultScope.overwrite_default_scope('dyfadet_mm'):
        model = MODELS.build(cfg.model)
    total = sum(p.numel() for p in model.parameters())
    # the published code stores a LayerNorm per dynamic layer and never uses it
    unused = 2 * 2 * 2 * 512
    assert total + unused == pytest.approx(28.517e6, abs=500)


def test_settings_of_the_custom_recipe_reach_the_model():
    cfg = Config.fromfile(ROOT / 'configs/dyfadet/dyfadet_custom.py')
    cfg.merge_from_dict(
        dict(
            classes=['run', 'jump'],
            feat_dim=24,
            width=16,
            max_seq_len=64,
            fps=25,
            warmup_epochs=2,
            max_epochs=7))
    bind_settings(cfg)
    with DefaultScope.overwrite_default_scope('dyfadet_mm'):
        model = MODELS.build(cfg.model)
        cls_logits, offsets = model(torch.zeros(1, 24, 64))
    assert cls_logits[0].shape == (1, 2, 64)
    assert offsets[-1].shape == (1, 2, 2)
    assert cfg.test_dataloader.dataset.fps == 25
    assert cfg.param_scheduler[1].end == 7
