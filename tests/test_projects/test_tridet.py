"""TriDet's recipes: published settings, and one step of each."""
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from one_step import ROOT, check_one_step, run_one_step
from real_layouts import WRITERS, grid, random_feats, save_npy, write_scores
from spelled_out import comparable

from dyfadet_mm.conversion import convert_config
from dyfadet_mm.models import (DyHead, DynEBackbone, SGPBackbone, SGPLayer,
                               TridentHead)
from dyfadet_mm.registry import MODELS

CONFIGS = ROOT / 'projects/tridet/configs'
RECIPES = sorted(path.stem for path in CONFIGS.glob('*.py'))
THUMOS, DYHEAD, DYNE = (f'tridet{part}_i3d_1xb2-40e_thumos14'
                        for part in ('', '-dyhead', '-dyne'))
A = [(0, 4), (4, 8), (8, 16), (16, 32), (32, 64), (64, 10000)]
B = [(0, 4), (2, 8), (4, 16), (8, 32), (16, 64), (32, 10000)]
C = [*A[:5], (64, 128), (128, 10000)]
#: What the published yamls say: sizes, encoder, head, training, testing.
KEYS = '''input_dim num_classes max_seq_len branch embd_dim head_dim
    sgp_mlp_dim n_sgp_win_size k init_conv_vars head_kernel_size
    boudary_kernel_size num_bins iou_weight_power use_abs_pe input_noise
    batch lr eta_min warmup epochs decay clip init_loss_norm label_smoothing
    pre_nms_topk max_seg_num multiclass_nms nms_sigma voting_thresh
    duration_thresh trunc regression_range'''.split()
PUBLISHED = {
    THUMOS: [
        2048, 20, 2304, 5, 512, 512, 768, 1, 5, 0, 3, 3, 16, 0.2, False, 5e-4,
        2, 1e-4, 1e-8, 20, 20, 0.025, 1., 100, 0, 2000, 2000, True, 0.5, 0.7,
        0.05, 0.5, A
    ],
    'tridet_slowfast_1xb2-27e_epic100-verb': [
        2304, 97, 2304, 5, 512, 512, 1024, 5, 2, 0, 3, 3, 16, 0.25, False, 0,
        2, 1e-4, 5e-5, 5, 22, 0.05, 1., 250, 0, 5000, 2000, True, 0.4, 0.75,
        0.05, 0.3, B
    ],
    'tridet_slowfast_1xb2-19e_epic100-noun': [
        2304, 300, 2304, 5, 512, 512, 1024, 1, 4, 0, 3, 3, 16, 0.25, False, 0,
        2, 1e-4, 1e-8, 5, 14, 0.05, 1., 250, 0.1, 5000, 2000, True, 0.4, 0.75,
        0.05, 0.3, B
    ],
    'tridet_tsp_1xb16-15e_activitynet': [
        512, 1, 768, 5, 256, 512, 2048, 15, 1.3, 0.2, 3, 3, 12, 1, True, 0.5,
        16, 1e-3, 5e-5, 10, 5, 0.04, 0.4, 400, 0.1, 2000, 200, False, 0.7,
        0.95, 0.1, 0.5, A
    ],
    'tridet_slowfast_1xb16-11e_hacs': [
        2304, 200, 960, 5, 1024, 1024, 1024, 3, 1.2, 0.1, 5, 1, 14, 1, True,
        0.2, 16, 1e-3, 5e-4, 7, 4, 0.03, 0.5, 400, 0.1, 2000, 250, True, 0.75,
        0.95, 0.05, 0.5, A
    ],
    'tridet_i3d_1xb16-13e_hacs': [
        2048, 200, 512, 6, 1024, 1024, 1024, 15, 1.2, 0.1, 5, 1, 12, 1, True,
        0, 16, 1e-3, 2e-4, 10, 3, 0.03, 1., 400, 0.1, 2000, 250, True, 0.75,
        0.95, 0.05, 0.5, C
    ]
}
PUBLISHED = {
    name: dict(zip(KEYS, row, strict=True))
    for name, row in PUBLISHED.items()
}
#: Stride, frames of a cell and frame rate of the features.
GRIDS = dict(
    thumos14=(4, 16, None),
    epic100=(16, 32, 30),
    activitynet=(16, 16, 15),
    hacs_slowfast=(8, 32, 15),
    hacs_i3d=(1, 1, 2))
#: Narrower than the recipes, which takes seconds for minutes.
NARROW = [
    f'model.{key}=32'
    for key in ('backbone.embed_channels', 'backbone.mlp_channels',
                'neck.channels', 'head.in_channels', 'head.feat_channels')
]


def load_recipe(name):
    return Config.fromfile(CONFIGS / f'{name}.py')


def yaml_of(row):
    """The model's part of a published yaml, as TriDet reads it."""
    own = ('branch', 'batch', 'lr', 'eta_min', 'warmup', 'epochs', 'decay',
           'clip', 'trunc')
    train = {key: row[key] for key in ('init_loss_norm', 'label_smoothing')}
    test = {
        key: row[key]
        for key in ('pre_nms_topk', 'max_seg_num', 'multiclass_nms',
                    'nms_sigma', 'voting_thresh', 'duration_thresh')
    }
    model = {
        key: value
        for key, value in row.items() if key not in (*own, *train, *test)
    }
    model.update(backbone_arch=(2, 2, row['branch']), fpn_dim=row['embd_dim'])
    return dict(
        model_name='TriDet',
        model=model,
        train_cfg=train,
        test_cfg=dict(test, min_score=0.001))


@pytest.mark.parametrize('name', PUBLISHED)
def test_model_is_the_published_one(name):
    recipe = comparable(load_recipe(name).model.to_dict())
    fusion = recipe.pop('score_fusion')
    assert (fusion is not None) == ('activitynet' in name)
    published = comparable(convert_config(yaml_of(PUBLISHED[name])))
    published.pop('score_fusion')
    assert recipe == published


@pytest.mark.parametrize('name', PUBLISHED)
def test_training_is_the_published_one(name):
    cfg, row = load_recipe(name), PUBLISHED[name]
    optimizer, (warmup, cosine) = cfg.optim_wrapper, cfg.param_scheduler
    assert optimizer.optimizer.type == 'AdamW'
    assert optimizer.optimizer.lr == row['lr']
    assert optimizer.optimizer.weight_decay == row['decay']
    assert optimizer.clip_grad.max_norm == row['clip']
    assert warmup.end == cosine.begin == row['warmup']
    total = row['warmup'] + row['epochs']
    assert cosine.end == cfg.train_cfg.max_epochs == total
    assert cosine.eta_min == row['eta_min']
    assert cfg.train_cfg.val_begin >= total // 2
    assert cfg.train_dataloader.batch_size == row['batch']
    assert cfg.auto_scale_lr.base_batch_size == row['batch']


@pytest.mark.parametrize('name', PUBLISHED)
def test_data_are_the_published_ones(name):
    cfg, row = load_recipe(name), PUBLISHED[name]
    data_set = cfg.data_root.split('/')[1]
    if data_set == 'hacs':
        data_set += '_i3d' if 'i3d' in name else '_slowfast'
    for loader in (cfg.train_dataloader, cfg.val_dataloader,
                   cfg.test_dataloader):
        data = loader.dataset
        found = data.feat_stride, data.feat_num_frames, data.get('fps')
        assert found == GRIDS[data_set]
        assert data.pipeline[0].feat_dim == row['input_dim']
    assert dict(cfg.train_dataloader.dataset.pipeline[-2]) == dict(
        type='RandomTruncate',
        max_seq_len=row['max_seq_len'],
        trunc_thresh=row['trunc'],
        crop_ratio=(0.9, 1.0),
        margin=0.)


@pytest.mark.parametrize('name, encoder, head',
                         [(THUMOS, SGPBackbone, TridentHead),
                          (DYHEAD, SGPBackbone, DyHead),
                          (DYNE, DynEBackbone, TridentHead)])
def test_parts_are_exchanged_one_at_a_time(name, encoder, head):
    cfg = load_recipe(name)
    with DefaultScope.overwrite_default_scope('dyfadet_mm'):
        with torch.device('meta'):
            model = MODELS.build(cfg.model)
    assert isinstance(model.backbone, encoder)
    assert isinstance(model.head, head)
    is_sgp = [isinstance(x, SGPLayer) for x in model.backbone.branch]
    assert is_sgp == [encoder is SGPBackbone] * 5
    # else both encoders would compute the same
    assert (model.backbone.branch[0].init_std > 0) == (name != THUMOS)
    published, ours = load_recipe(THUMOS), cfg
    for key in ('optim_wrapper', 'param_scheduler', 'train_cfg',
                'train_dataloader', 'test_dataloader'):
        assert ours[key] == published[key]
    assert ours.model.data_preprocessor == published.model.data_preprocessor
    assert ours.model.postprocessor == published.model.postprocessor


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Folder with all data sets, and what is known of them."""
    folder = tmp_path_factory.mktemp('tridet')
    roots = {
        name: folder / 'data' / name
        for name in ('activitynet', 'epic100', 'hacs', 'thumos14')
    }
    known = {name: WRITERS[name](root) for name, root in roots.items()}
    write_scores(roots['activitynet'], 'cuhk_val_simp_share.json',
                 'z-yHQ2PYXpk', *known['activitynet'])
    for video, subset, seconds in (('-1R6Z_uG8Cs', 'training', 50.),
                                   ('zZTM50wl8J8', 'validation', 40.)):
        save_npy(roots['hacs'] / f'i3d_features/{subset}/{video}.npy',
                 random_feats(grid(seconds, 2, 1, 1), 2048))
    return folder, known


@pytest.mark.parametrize('name', RECIPES)
def test_recipe_trains_and_tests_one_step(name, data, tmp_path):
    folder, known = data
    runner, metrics, results = run_one_step(CONFIGS / f'{name}.py', tmp_path,
                                            folder, NARROW)
    data_set = runner.test_dataloader.dataset.data_root.split('/')[1]
    check_one_step(runner, metrics, results, *known[data_set])
