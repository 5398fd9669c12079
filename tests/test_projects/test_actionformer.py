"""Recipes of ``projects/actionformer``.

``actionformer_settings.csv`` has a row per published yaml; where a cell holds
several numbers, the yaml has a list.
"""
import csv
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from one_step import ROOT, check_one_step, run_one_step
from real_layouts import (write_activitynet, write_ego4d, write_epic100,
                          write_thumos14)
from settings import RANGES, number
from spelled_out import comparable

from dyfadet_mm.conversion import convert_config
from dyfadet_mm.models import (ConvHead, DyHead, DynEBackbone,
                               LocalAttentionBackbone)
from dyfadet_mm.registry import MODELS

CONFIGS = ROOT / 'projects/actionformer/configs'
RECIPES = sorted(path.stem for path in CONFIGS.glob('*.py'))
DYHEAD = 'actionformer-dyhead_i3d_1xb2-35e_thumos14'
DYNE = 'actionformer-dyne_i3d_1xb2-35e_thumos14'
#: As narrow as 16 heads allow, and few candidates: a step takes seconds.
NARROW = ['model.postprocessor.pre_nms_topk=50'] + [
    f'model.{key}=48' for key in ('backbone.embed_channels', 'neck.channels',
                                  'head.in_channels', 'head.feat_channels')
]


def value_of(text):
    """A cell of the table: a number, several of them, text or None."""
    return [number(x) for x in text.split()] if ' ' in text else number(text)


def published_settings():
    path = Path(__file__).with_name('actionformer_settings.csv')
    with open(path) as file:
        return {
            row['recipe']: {
                key: value_of(text)
                for key, text in row.items()
            }
            for row in csv.DictReader(file)
        }


SETTINGS = published_settings()


def load_recipe(name):
    return Config.fromfile(CONFIGS / f'{name}.py')


@pytest.fixture(params=SETTINGS, scope='module')
def setting(request):
    return SETTINGS[request.param]


@pytest.fixture(scope='module')
def cfg(setting):
    return load_recipe(setting['recipe'])


def yaml_of(s):
    """The model's part of a published yaml."""
    return dict(
        dataset=dict(
            input_dim=s['feat_dim'],
            num_classes=s['classes'],
            max_seq_len=s['max_seq_len']),
        model=dict(
            fpn_type='identity',
            max_buffer_len_factor=4.0,
            backbone_arch=(2, 2, s['branch']),
            regression_range=RANGES[s['ranges']],
            n_head=s['heads'],
            n_mha_win_size=s['window'],
            use_abs_pe=bool(s['abs_pe']),
            embd_dim=s['sources'] or s['width'],
            fpn_dim=s['width'],
            head_dim=s['width']),
        train_cfg=dict(
            init_loss_norm=s['loss_norm'],
            clip_grad_l2norm=1.0,
            loss_weight=s['loss_weight'],
            label_smoothing=s['smoothing'],
            dropout=s['dropout'],
            droppath=0.1),
        test_cfg=dict(
            pre_nms_topk=s['topk'],
            max_seg_num=s['max_num'],
            nms_sigma=s['sigma'],
            min_score=0.001,
            multiclass_nms=bool(s['class_wise']),
            voting_thresh=s['voting'],
            duration_thresh=s['min_length'],
            ext_score_file='scores.json' if s['external'] else None))


def test_model_is_the_published_one(cfg, setting):
    recipe = comparable(cfg.model.to_dict())
    published = comparable(convert_config(yaml_of(setting)))
    if setting['external']:
        assert recipe['score_fusion'].pop('score_file').endswith(
            'cuhk_val_simp_share.json')
        assert published['score_fusion'].pop('score_file') == 'scores.json'
    assert recipe == published


def test_optimization_is_the_published_one(cfg, setting):
    optimizer, (warmup, cosine) = cfg.optim_wrapper, cfg.param_scheduler
    assert optimizer.optimizer.lr == setting['lr']
    assert optimizer.optimizer.weight_decay == 0.05
    assert optimizer.clip_grad.max_norm == 1
    assert warmup.end == cosine.begin == 5
    assert cosine.end == cfg.train_cfg.max_epochs == 5 + setting['epochs']
    assert cosine.eta_min == 1e-8
    assert cfg.train_dataloader.batch_size == setting['batch']
    assert cfg.auto_scale_lr.base_batch_size == setting['batch']


def test_data_are_the_published_ones(cfg, setting):
    for loader in (cfg.train_dataloader, cfg.val_dataloader,
                   cfg.test_dataloader):
        data = loader.dataset
        assert data.feat_stride == setting['stride']
        assert data.feat_num_frames == setting['window_frames']
        assert data.get('fps') == setting['fps']
    resize = [x for x in data.pipeline if x.type == 'ResizeFeatures']
    assert [x.length for x in resize] == [192] * bool(setting['external'])
    truncate, = (
        x for x in cfg.train_dataloader.dataset.pipeline
        if x.type == 'RandomTruncate')
    assert truncate == dict(
        type='RandomTruncate',
        max_seq_len=setting['max_seq_len'],
        trunc_thresh=setting['trunc'],
        crop_ratio=(0.9, 1.0),
        margin='half_window')
    evaluators = cfg.test_evaluator
    if isinstance(evaluators, dict):
        evaluators = [evaluators]
    for each in evaluators:
        first, last = each.tiou_thresholds[0], each.tiou_thresholds[-1]
        assert f'{first}-{last}' == setting['tiou']


def test_every_recipe_is_compared():
    assert set(RECIPES) == {*SETTINGS, DYHEAD, DYNE}


def build(name):
    with DefaultScope.overwrite_default_scope('dyfadet_mm'):
        with torch.device('meta'):
            return MODELS.build(load_recipe(name).model)


def test_variants_differ_in_the_part_they_name():
    plain = load_recipe('actionformer_i3d_1xb2-35e_thumos14').to_dict()
    for name, part in ((DYHEAD, 'head'), (DYNE, 'backbone')):
        variant = load_recipe(name).to_dict()
        assert variant['model'].pop(part) != plain['model'][part]
        rest = {k: v for k, v in plain['model'].items() if k != part}
        variant['model']['data_preprocessor']['size_divisor'] = 576
        assert variant == {**plain, 'model': rest}


def test_variants_have_the_part_they_name():
    assert isinstance(build(DYHEAD).head, DyHead)
    assert isinstance(build(DYHEAD).backbone, LocalAttentionBackbone)
    dyne = build(DYNE)
    assert isinstance(dyne.backbone, DynEBackbone)
    assert isinstance(dyne.head, ConvHead)
    assert dyne.backbone.branch[0].init_std > 0


def test_number_of_parameters():
    """Counted by hand from the table of names of the published code."""
    c, k = 512, 3
    embed = 2048 * c * k + c * c * k + 2 * 2 * c
    attention = 3 * (c * k + 2 * c + c * c + c) + c * c + c
    layer = attention + 2 * 2 * c + 8 * c * c + 5 * c + 2 * c
    towers = 2 * 2 * (c * c * k + 2 * c)
    outputs = (20 + 2) * (c * k + 1) + 6
    expected = embed + 7 * layer + 6 * 2 * c + towers + outputs
    model = build('actionformer_i3d_1xb2-35e_thumos14')
    assert sum(p.numel() for p in model.parameters()) == expected


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Folder with the data sets, and what is known of them."""
    folder = tmp_path_factory.mktemp('actionformer')
    writers = dict(
        thumos14=write_thumos14,
        activitynet=write_activitynet,
        epic100=write_epic100,
        ego4d=write_ego4d)
    return folder, {
        name: writer(folder / 'data' / name)
        for name, writer in writers.items()
    }


@pytest.mark.parametrize('name', RECIPES)
def test_recipe_trains_and_tests_one_step(name, data, tmp_path):
    folder, known = data
    found = run_one_step(CONFIGS / f'{name}.py', tmp_path, folder, NARROW)
    data_set = found[0].test_dataloader.dataset.data_root.split('/')[1]
    check_one_step(*found, *known[data_set])
