"""The recipes of the ablations: their parts, and that nothing else differs."""
import copy
import re
from functools import lru_cache

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from one_step import check_one_step, run_one_step
from real_layouts import (THUMOS14, annotate, grid, random_feats, save_npy,
                          write_thumos14)
from settings import ROOT, build_without_memory, load_recipe
from spelled_out import comparable

from dyfadet_mm.engine import merge_options
from dyfadet_mm.registry import DATASETS, MODELS

ABLATION = ROOT / 'configs/ablation'
RECIPES = sorted(ABLATION.glob('*.py'))
SUFFIX = '_i3d_1xb2-40e_thumos14'
BASE = Config.fromfile(ROOT / 'configs/_base_/ablation.py').to_dict()
# heads that are neither of the paper nor published
OURS = ('dyhead-open', 'dytrident')
DEPTHWISE = ('psi', 'window', 'wide', 'fc', 'phi')
README = (ABLATION / 'README.md').read_text()


def parts(path):
    """Encoder and head, as the name of a recipe has them."""
    encoder, head = path.stem[:-len(SUFFIX)].split('_')
    return encoder, head


@pytest.fixture(params=RECIPES, ids=lambda path: '_'.join(parts(path)))
def recipe(request):
    return request.param


@lru_cache(maxsize=None)
def model_of(path):
    """The model of a recipe, whose weights hold no numbers."""
    return build_without_memory(load(path).model)


@pytest.fixture(scope='module')
def thumos14(tmp_path_factory):
    """A folder where the recipes find THUMOS14."""
    folder = tmp_path_factory.mktemp('thumos14')
    write_thumos14(folder / 'data/thumos14')
    return folder


def load(path, **options):
    """A recipe with options."""
    return merge_options(Config.fromfile(path), options)


def formation(gate):
    """What a gate has weights for: channels, taps or both."""
    return ''.join(name for name, size in zip('ck', gate.axes) if size > 1)


def layer_name(layer):
    """What the name of a recipe calls an encoder layer."""
    kind = type(layer).__name__
    if kind == 'ConvLayer':
        assert type(layer.conv1) is type(layer.conv2)
        op = layer.conv1
        name = dict(
            PlainConv1d='conv',
            DeformConv1d='deform',
            DynamicConv1d='dynconv',
            TD3dConv1d='td3d',
            DFAConv1d='dfa')[type(op).__name__]
        if name == 'dfa':
            name += f'-{formation(op.gate)}'
        return name if layer.squeeze is None else f'{name}-se'
    if kind == 'LocalAttentionLayer':
        return 'sa'
    name = dict(SGPLayer='sgp', DynELayer='dyne')[kind]
    if layer.init_std:
        name += '-live'
    width = {7: '-w3', 11: '', 13: '-w6'}[layer.wide.kernel_size[0]]
    return name + width


def head_name(head):
    """What the name of a recipe calls a head."""
    name = dict(
        ConvHead='static',
        ConvMultiScaleHead='convms',
        DyHead='dyhead',
        DyTridentHead='dytrident',
        TridentHead='trident')[type(head).__name__]
    if name != 'dyhead':
        return name
    layers = head.cls_tower.layers
    name += {1: '-d2', 2: '', 3: '-d4'}[len(layers)]
    form, = {
        formation(path.attention.gate)
        for layer in layers
        for path in (layer.down, layer.up)
    }
    if any(getattr(each, 'trains_shut', False) for each in head.modules()):
        name += '-open'
    return name if form == 'c' else f'{name}-{form}'


def test_recipe_has_the_parts_of_its_name(recipe):
    model = model_of(recipe)
    layers = [*model.backbone.stem, *model.backbone.branch]
    assert len(layers) == 2 + 5
    encoder, = {layer_name(layer) for layer in layers}
    expected = dict(se='conv-se')
    named, head = parts(recipe)
    assert encoder == expected.get(named, named)
    assert head_name(model.head) == head


def test_recipes_differ_in_their_parts_alone(recipe):
    cfg = Config.fromfile(recipe).to_dict()
    for part in ('backbone', 'head'):
        # an encoder or head adds to what all have, but for the depth D
        shared = dict(BASE['model'][part])
        if part == 'head' and cfg['model']['head']['num_layers'] != 3:
            assert re.search(r'-d\d$', parts(recipe)[1])
            shared.pop('num_layers')
        assert shared.items() <= cfg['model'][part].items()
        cfg['model'][part] = BASE['model'][part]
    assert cfg == BASE


def test_live_recipes_differ_from_published_ones_in_their_start(recipe):
    encoder, head = parts(recipe)
    if not encoder.startswith(('dyne', 'sgp')) or head in OURS:
        assert 'live' not in encoder
        return
    kind, *more = [x for x in encoder.split('-') if x != 'live']
    stds = []
    configs = []
    for name in ([kind, *more], [kind, 'live', *more]):
        path = ABLATION / f'{"-".join(name)}_{head}{SUFFIX}.py'
        cfg = Config.fromfile(path).to_dict()
        stds.append(cfg['model']['backbone'].pop('init_std'))
        configs.append(cfg)
    assert configs[0] == configs[1]
    assert stds == [0, 0.1]


def test_dyfadet_is_the_published_recipe():
    ours = load(ABLATION / f'dyne_dyhead{SUFFIX}.py').to_dict()
    published = load_recipe('dyfadet_i3d_1xb2-40e_thumos14').to_dict()
    # here the annotations are counted
    assert ours.pop('num_classes') is None and published['num_classes'] == 20
    ours['model']['head']['num_classes'] = 20
    assert comparable(ours['model']) == comparable(published['model'])
    for split in ('train', 'val', 'test'):
        data = ours[f'{split}_dataloader']['dataset']
        # the class of the data set is compared by the samples
        assert data.pop('type') == 'TADDataset'
        published[f'{split}_dataloader']['dataset'].pop('type')
    differ = {'model', 'dataset_type', 'num_classes'}
    for key in set(published) - differ:
        assert ours[key] == published[key], key


def test_data_are_the_published_ones(thumos14, monkeypatch):
    monkeypatch.chdir(thumos14)
    recipes = (load(RECIPES[0]), load_recipe('dyfadet_i3d_1xb2-40e_thumos14'))
    with DefaultScope.overwrite_default_scope('dyfadet_mm'):
        for split in ('train', 'test'):
            ours, published = (
                DATASETS.build(cfg[f'{split}_dataloader'].dataset)
                for cfg in recipes)
            assert ours.metainfo['classes'] == THUMOS14
            assert published.metainfo['classes'] == THUMOS14
            assert len(ours) == len(published) > 0
            for a, b in zip(ours, published):
                assert torch.equal(a['inputs'], b['inputs'])
                a, b = (x['data_samples'].gt_instances for x in (a, b))
                assert torch.equal(a.grid_segments, b.grid_segments)
                assert torch.equal(a.labels, b.labels)


def test_recipe_trains_and_tests_one_step(recipe, thumos14, tmp_path):
    encoder = parts(recipe)[0]
    # as long as the videos; the real width is built above
    options = ['max_seq_len=96', 'width=64']
    run = run_one_step(recipe, tmp_path, thumos14, options)
    check_one_step(*run, THUMOS14)
    if encoder.startswith(('dyne', 'sgp')):
        backbone = run[0].model.backbone
        weights = [
            getattr(layer, name).weight
            for layer in (*backbone.stem, *backbone.branch)
            for name in DEPTHWISE
        ]
        assert {bool(x.any()) for x in weights} == {'live' in encoder}


def test_settings_reach_every_recipe(recipe):
    has_mlp = parts(recipe)[0].startswith(('dyne', 'sgp'))
    cfg = load(
        recipe,
        **(dict(mlp_channels=40) if has_mlp else {}),
        classes=['run', 'jump', 'rest'],
        feat_dim=24,
        feat_stride=16,
        width=32,
        max_seq_len=64,
        train_subset='training',
        val_subset='validation',
        ann_file='annotations.json',
        num_workers=0,
        batch_size=8,
        lr=2e-3,
        warmup_epochs=5,
        max_epochs=15,
        fps=30)
    with DefaultScope.overwrite_default_scope('dyfadet_mm'):
        model = MODELS.build(copy.deepcopy(cfg.model)).eval()
    cls_logits, offsets = model(torch.zeros(1, 24, 64))[:2]
    assert cls_logits[0].shape == (1, 3, 64)
    assert len(cls_logits) == len(offsets) == 6
    assert model.backbone.embed_channels == 32
    assert model.data_preprocessor.max_seq_len == 64
    layer = model.backbone.branch[0]
    if has_mlp:
        assert layer.mlp[0].weight.shape[:2] == (40, 32)
    for split, subset in (('train', 'training'), ('val', 'validation'),
                          ('test', 'validation')):
        loader = cfg[f'{split}_dataloader']
        assert loader.num_workers == 0 and not loader.persistent_workers
        assert loader.dataset.subset == subset
        assert loader.dataset.fps == 30
        assert loader.dataset.feat_stride == 16
        assert loader.dataset.ann_file == 'annotations.json'
    assert cfg.train_dataloader.batch_size == 8
    assert cfg.optim_wrapper.optimizer.lr == 2e-3
    assert cfg.param_scheduler[1].end == cfg.train_cfg.max_epochs == 15


@pytest.mark.parametrize('name', ['deform_static', 'dyne-live_trident'])
def test_recipe_runs_on_any_data(name, tmp_path):
    classes = ('jump', 'run', 'walk')
    root = tmp_path / 'data/streams'
    annotate(
        root,
        'streams.json',
        dict(a=('training', 60.), b=('validation', 70.)),
        classes,
        fps=30.)
    for video_id, seconds in dict(a=60., b=70.).items():
        save_npy(root / f'features/{video_id}.npy',
                 random_feats(grid(seconds, 30, 16, 16), 256))
    run = run_one_step(
        ABLATION / f'{name}{SUFFIX}.py', tmp_path / 'run', tmp_path, [
            f'data_root={root}/', 'ann_file=annotations/streams.json',
            'feature_dir=features/', 'train_subset=training',
            'val_subset=validation', 'feat_dim=256', 'feat_stride=16',
            'feat_num_frames=16', 'max_seq_len=128', 'width=32', 'lr=2e-3',
            'warmup_epochs=5', 'max_epochs=15', 'num_workers=0'
        ])
    check_one_step(*run, classes)
    assert run[0].model.head.num_classes == 3


def test_workers_stay_where_there_are_any():
    cfg = load(RECIPES[0], num_workers=3)
    assert cfg.test_dataloader.num_workers == 3
    assert cfg.test_dataloader.persistent_workers
    cfg = Config.fromfile(RECIPES[0])
    assert cfg.train_dataloader.num_workers == 4
    assert cfg.train_dataloader.persistent_workers


def test_readme_has_every_recipe():
    linked = re.findall(r'\]\(([\w-]+\.py)\)', README)
    assert set(linked) == {path.name for path in RECIPES}
    texts = re.findall(rf'\[([\w-]+)\]\(([\w-]+){SUFFIX}\.py\)', README)
    assert all(text == target for text, target in texts)
    for target in re.findall(r'\]\((?!https?:)([^)#\s]+)', README):
        assert (ABLATION / target).exists(), target


def test_readme_counts_parameters(recipe):
    rows = [row for row in README.splitlines() if f'({recipe.name})' in row]
    millions = sum(x.numel() for x in model_of(recipe).parameters()) / 1e6
    for row in rows:
        assert re.search(r' (\d+\.\d{3}) ', row)[1] == f'{millions:.3f}'
