import ast
import re
from functools import lru_cache
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.hooks import Hook
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope, init_default_scope
from settings import measured_once, without_numbers  # noqa: F401

from dyfadet_mm.registry import (DATASETS, HOOKS, METRICS, MODELS,
                                 PARAM_SCHEDULERS, VISUALIZERS)

ROOT = Path(__file__).parents[1]
# those in features/ are of recognizers, see test_apis/test_feature_configs.py
RECIPES = sorted(
    path for path in (ROOT / 'configs').glob('[!_]*/*.py')
    if path.parent.name != 'features') + sorted(
        (ROOT / 'projects').glob('*/configs/*.py'))

pytestmark = pytest.mark.usefixtures('measured_once')


@pytest.fixture(params=RECIPES, ids=lambda path: path.stem)
def cfg(request):
    cfg = Config.fromfile(request.param)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        init_default_scope(cfg.default_scope)
        yield cfg


def as_list(value):
    """One or several parts of a config."""
    return value if isinstance(value, (list, tuple)) else [value]


def loaders(pipeline):
    """The steps that read features."""
    return pipeline[0].get('loaders', [pipeline[0]])


def test_recipe_builds(cfg):
    # weights without numbers are enough; no file of the data is read
    with without_numbers():
        model = MODELS.build(cfg.model)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    groups = wrapper.optimizer.param_groups
    updated = {id(p) for group in groups for p in group['params']}
    assert updated == {
        id(p)
        for name, p in model.named_parameters()
        if p.requires_grad or not name.startswith('encoder.')
    }
    for scheduler in cfg.param_scheduler:
        scheduler = dict(scheduler)
        scheduler.pop('convert_to_iter_based', None)
        PARAM_SCHEDULERS.build(
            dict(scheduler, optimizer=wrapper.optimizer, by_epoch=True))
    for hook in (*cfg.default_hooks.values(), *cfg.custom_hooks):
        assert isinstance(HOOKS.build(hook), Hook)
    for split in ('train', 'val', 'test'):
        data = cfg[f'{split}_dataloader'].dataset
        Compose(data.pipeline)
        DATASETS.build(dict(data, lazy_init=True, pipeline=[]))
    for metric in as_list(cfg.val_evaluator) + as_list(cfg.test_evaluator):
        METRICS.build(metric)
    assert VISUALIZERS.get(cfg.visualizer.type) is not None


def test_recipe_agrees_with_itself(cfg):
    """Model, pipelines and schedule agree on what each recipe states."""
    if not cfg.model.type.endswith('SingleStageTAD'):
        pytest.skip('a model of its own')
    model, data = cfg.model, cfg.train_dataloader.dataset
    backbone, head = model.backbone, model.head
    for split in ('train', 'val', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        if 'encoder' in model:
            channels = [channels_of_encoder(str(model.encoder.to_dict()))]
            assert set(dataset.data_prefix) == {'video'}
        else:
            channels = [channels_of(x) for x in loaders(dataset.pipeline)]
            assert {
                x.get('source', 'feats')
                for x in loaders(dataset.pipeline)
            } == set(dataset.data_prefix)
        assert sum(channels) == sum(as_list(backbone.in_channels))
    length = model.data_preprocessor.max_seq_len
    # a crop of training, or a grid that all videos have
    sizes = [
        x.max_seq_len
        for x in data.pipeline if x.type.endswith('RandomTruncate')
    ] + [x.num_cells for x in data.pipeline if 'num_cells' in x]
    assert sizes == [length]
    if backbone.get('position'):
        assert backbone.position.max_seq_len == length
    num_levels = backbone.arch[-1] + 1
    assert len(head.regression_ranges) == num_levels
    divisor = model.data_preprocessor.size_divisor
    assert divisor % 2**(num_levels - 1) == 0
    if 'kernel_size' in backbone:
        kernels = as_list(backbone.kernel_size)
        if len(kernels) == 1:
            kernels = list(kernels) * num_levels
        assert divisor == max(2**level * kernel
                              for level, kernel in enumerate(kernels))
    warmup, decay = cfg.param_scheduler
    assert warmup.end == decay.begin < cfg.train_cfg.max_epochs <= decay.end
    batch_size = cfg.train_dataloader.batch_size
    gpus = re.search(rf'_(\d+)xb{batch_size}-', cfg.filename)
    assert cfg.auto_scale_lr.base_batch_size == batch_size * int(
        gpus[1] if gpus else 1)


@lru_cache(maxsize=None)
def channels_of_encoder(text):
    """Channels of the features that an encoder makes of frames."""
    with without_numbers():
        return MODELS.build(ast.literal_eval(text)).out_channels


def channels_of(loader):
    """Channels that one step puts into the features."""
    first, end = loader.get('channels', (0, loader.get('feat_dim')))
    return end - first


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
    with DefaultScope.overwrite_default_scope('dyfadet_mm'):
        model = MODELS.build(cfg.model)
        cls_logits, offsets = model(torch.zeros(1, 24, 64))
    assert cls_logits[0].shape == (1, 2, 64)
    assert offsets[-1].shape == (1, 2, 2)
    assert cfg.test_dataloader.dataset.fps == 25
    assert cfg.param_scheduler[1].end == 7
