"""Recipes that train on frames: one step of each, and what they agree on."""
import numpy as np
import pytest
from mmengine.config import Config
from one_step import ROOT, check_one_step, run_one_step
from real_layouts import THUMOS14, annotate, names, write_scores
from settings import RANGES, measured_once  # noqa: F401
from spelled_out import comparable

from dyfadet_mm.conversion import convert_config
from dyfadet_mm.fileio.video_writer import write_video

CONFIGS = ROOT / 'configs/e2e'
RECIPES = sorted(path.stem for path in CONFIGS.glob('*_videomae*.py'))
#: A step takes seconds. All that a recipe has besides stays as it is.
SMALL = [
    'pretrained=None', 'feat_dim=16', 'depth=2', 'num_heads=2', 'mlp_ratio=2',
    'patch_size=8', 'adapter_index=[0,1]', 'image_size=(16,16)',
    'train_scale=(-1,20)', 'test_scale=(-1,16)',
    'model.encoder.backbone.img_size=16', 'width=32',
    'model.head.feat_channels=32', 'max_seq_len=64'
]


def write_videos(root, videos, fps, prefix=''):
    """Videos of noise, 20 x 28 pixels, by their seconds."""
    (root / 'videos').mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, (_, seconds) in videos.items():
        frames = rng.integers(
            256, size=(round(seconds * fps), 20, 28, 3), dtype=np.uint8)
        write_video(str(root / f'videos/{prefix}{name}.mp4'), frames, fps)


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Folder with the data sets, and what is known of them."""
    folder = tmp_path_factory.mktemp('frames')
    root = folder / 'data/thumos14'
    videos = dict(
        video_validation_0000051=('Validation', 12.),
        video_test_0000004=('Test', 11.),
        video_test_0000270=('Test', 7.))
    annotate(root, 'thumos14.json', videos, THUMOS14, fps=30.)
    write_videos(root, videos, 30)
    root, classes = folder / 'data/activitynet', names(200)
    videos = {
        '-4cuiVHp0tQ': ('training', 8.),
        'z-yHQ2PYXpk': ('validation', 6.)
    }
    annotate(root, 'anet1.3_tsp_filtered.json', videos, classes)
    write_videos(root, videos, 15, 'v_')
    best = (classes[150], classes[3])
    write_scores(root, 'cuhk_val_simp_share.json', 'z-yHQ2PYXpk', classes,
                 best)
    return folder, dict(thumos14=(THUMOS14, None), activitynet=(classes, best))


@pytest.mark.usefixtures('measured_once')
@pytest.mark.parametrize('name', RECIPES)
def test_recipe_trains_and_tests_one_step(name, data, tmp_path):
    folder, known = data
    found = run_one_step(CONFIGS / f'{name}.py', tmp_path, folder, SMALL)
    runner = found[0]
    data_set = runner.test_dataloader.dataset.data_root.split('/')[1]
    check_one_step(*found, *known[data_set])
    # starts at zero
    assert runner.model.encoder.backbone.blocks[1].adapter.up_proj.weight.any()


#: Channels, blocks, heads, width of the MLP and patches of each transformer.
SIZES = {
    'videomae-s': (384, 12, 6, 4, 16),
    'videomae-b': (768, 12, 12, 4, 16),
    'videomae-l': (1024, 24, 16, 4, 16),
    'videomaev2-g': (1408, 40, 16, 48 / 11, 14)
}


def published(name):
    """AdaTAD's config of OpenTAD for a recipe of ActionFormer."""
    _, encoder, frames, *_ = name.split('_')
    channels, depth, heads, ratio, patch = SIZES[encoder]
    window, per_cell = map(int, frames.split('-')[0].split('x'))
    first = 20 if frames.endswith('224px') else 0
    model = dict(
        type='ActionFormer',
        backbone=dict(
            type='mmaction.Recognizer3D',
            backbone=dict(
                type='VisionTransformerAdapter',
                img_size=224,
                patch_size=patch,
                embed_dims=channels,
                depth=depth,
                num_heads=heads,
                mlp_ratio=ratio,
                qkv_bias=True,
                num_frames=16,
                drop_path_rate=0.1,
                norm_cfg=dict(type='LN', eps=1e-6),
                return_feat_map=True,
                with_cp=True,
                total_frames=window * per_cell,
                adapter_index=list(range(first, depth))),
            data_preprocessor=dict(
                type='mmaction.ActionDataPreprocessor',
                mean=[123.675, 116.28, 103.53],
                std=[58.395, 57.12, 57.375])),
        projection=dict(
            type='Conv1DTransformerProj',
            in_channels=channels,
            out_channels=512,
            arch=(2, 2, 5),
            conv_cfg=dict(kernel_size=3, proj_pdrop=0.),
            norm_cfg=dict(type='LN'),
            attn_cfg=dict(n_head=4, n_mha_win_size=-1),
            path_pdrop=0.1,
            use_abs_pe=False,
            max_seq_len=window),
        neck=dict(type='FPNIdentity', num_levels=6),
        rpn_head=dict(
            type='ActionFormerHead',
            num_classes=20,
            feat_channels=512,
            num_convs=2,
            cls_prior_prob=0.01,
            prior_generator=dict(
                type='PointGenerator',
                strides=[1, 2, 4, 8, 16, 32],
                regression_range=RANGES['A']),
            loss_normalizer=100,
            loss_normalizer_momentum=0.9,
            center_sample='radius',
            center_sample_radius=1.5,
            label_smoothing=0.,
            loss=dict(
                cls_loss=dict(type='FocalLoss'),
                reg_loss=dict(type='DIOULoss'))))
    nms = dict(use_soft_nms=True, sigma=0.7, max_seg_num=2000, multiclass=True)
    whole = dict(
        model=model,
        post_processing=dict(nms=nms),
        dataset=dict(test=dict(window_size=window, window_overlap_ratio=0.5)))
    if 'activitynet' in name:
        model['projection'].update(out_channels=256, use_abs_pe=True)
        model['rpn_head'].update(
            num_classes=1,
            feat_channels=256,
            label_smoothing=0.1,
            loss_weight=2.,
            loss_normalizer=200)
        nms.update(max_seg_num=100, multiclass=False, voting_thresh=0.9)
        whole['post_processing']['external_cls'] = dict(
            type='CUHKANETClassifier', path='scores.json', topk=2)
    return whole


def model_of(cfg):
    """With defaults, and without paths, colours and ways to save memory."""
    model = comparable(cfg)
    for part, keys in ((model['encoder'],
                        ('pretrained', 'mean', 'std', 'clips_at_once',
                         'checkpoint_blocks')), (model['data_preprocessor'],
                                                 ('mean', 'std')),
                       (model['score_fusion'] or {}, ('score_file', ))):
        for key in keys:
            part.pop(key, None)
    return model


@pytest.mark.parametrize(
    'name', [name for name in RECIPES if name.startswith('actionformer')])
def test_actionformer_is_the_published_one(name):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    assert model_of(cfg.model.to_dict()) == model_of(
        convert_config(published(name)))


@pytest.mark.parametrize('name', RECIPES)
def test_training_is_the_published_one(name):
    """Of AdaTAD, whichever detector it trains."""
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    _, encoder, frames, *_ = name.split('_')
    sampling, size = frames[:-2].split('-')
    window, per_cell = map(int, sampling.split('x'))
    assert cfg.model.data_preprocessor.max_seq_len == window
    assert cfg.model.encoder.backbone.embed_dims == SIZES[encoder][0]
    for loader in (cfg.train_dataloader, cfg.val_dataloader,
                   cfg.test_dataloader):
        steps = {
            each['type']: each
            for step in loader.dataset.pipeline
            for each in (step, *step.get('transforms', ()))
        }
        assert steps['SampleCellFrames']['frames_per_cell'] == per_cell
        assert window * per_cell % cfg.model.encoder.clip_len == 0
        crop = steps.get('mmaction.CenterCrop')
        if crop is not None:
            assert crop['crop_size'] == (int(size), int(size))
            assert steps['mmaction.Resize']['scale'] == (-1, int(size))
        else:
            assert steps['mmaction.Resize']['scale'] == (int(size), int(size))
    truncate = [
        x for x in cfg.train_dataloader.dataset.pipeline
        if x['type'] == 'RandomTruncate'
    ]
    optimizer = cfg.optim_wrapper.optimizer
    adapters = optimizer.lr * cfg.optim_wrapper.paramwise_cfg.custom_keys[
        '.adapter.'].lr_mult
    warmup, cosine = cfg.param_scheduler
    assert optimizer.weight_decay == 0.05 and warmup.end == 5
    assert cfg.optim_wrapper.clip_grad.max_norm == 1
    if 'activitynet' in name:
        assert (optimizer.lr, adapters) == (1e-3, pytest.approx(1e-4))
        assert (cosine.end, cfg.train_cfg.max_epochs) == (15, 15)
        assert cfg.auto_scale_lr.base_batch_size == 16 and not truncate
    else:
        rate = 4e-4 if encoder == 'videomae-b' else 2e-4
        assert (optimizer.lr, adapters) == (1e-4, pytest.approx(rate))
        epochs = 50 if size == '224' else 60
        assert (cosine.end, cfg.train_cfg.max_epochs) == (100, epochs)
        assert cfg.auto_scale_lr.base_batch_size == 2
        assert truncate[0].trunc_thresh == 0.75
        assert truncate[0].crop_ratio == (0.9, 1.0)


def test_all_detectors_have_all_encoders():
    kinds = {tuple(name.split('_')[:3]) for name in RECIPES}
    for detector in ('dyfadet', 'dyfadet-plus', 'actionformer'):
        for encoder in SIZES:
            for frames in ('768x1-160px', '192x4-160px'):
                assert (detector, encoder, frames) in kinds
        assert (detector, 'videomaev2-g', '768x2-224px') in kinds
