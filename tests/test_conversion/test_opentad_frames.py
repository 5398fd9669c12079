"""OpenTAD's detectors on frames: AdaTAD's configs and checkpoints.

A checkpoint is put together of a recorded backbone and random weights of a
detector. Recordings are read from ``../shared/recordings`` where that folder
exists.
"""
import copy
import importlib
import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import load_checkpoint
from opentad_actionformer import OpenTADActionFormerWeights
from opentad_actionformer import model_dict as actionformer
from opentad_weights import RANGES, OpenTADWeights
from opentad_weights import model_dict as dyfadet
from plain_adapter import SMALL

from dyfadet_mm.conversion import (ConversionError, convert_config,
                                   convert_state_dict)
from dyfadet_mm.fileio.video_writer import write_video
from dyfadet_mm.registry import DATASETS, MODELS
from dyfadet_mm.structures import grid_to_seconds

ROOT = Path(__file__).parents[2]
RECORDINGS = sorted((ROOT.parent / 'shared/recordings').glob('adapter_*.pt'))
DETECTORS = dict(
    DyFADet=(dyfadet, OpenTADWeights),
    ActionFormer=(actionformer, OpenTADActionFormerWeights))
#: What OpenTAD's configs never say of the transformer.
UNSAID = ('norm_eps', 'mean', 'std', 'chunks', 'window')


def backbone_dict(config, window):
    """A recorded config as OpenTAD writes it."""
    net = {key: value for key, value in config.items() if key not in UNSAID}
    if net['adapter_mlp_ratio'] == 0.25:
        del net['adapter_mlp_ratio']
    chunks = config.get('chunks', 3)
    return dict(
        type='mmaction.Recognizer3D',
        backbone=dict(
            type='VisionTransformerAdapter',
            drop_path_rate=0.1,
            norm_cfg=dict(type='LN', eps=config['norm_eps']),
            return_feat_map=True,
            with_cp=True,
            **net),
        data_preprocessor=dict(
            type='mmaction.ActionDataPreprocessor',
            mean=config['mean'],
            std=config['std'],
            format_shape='NCTHW'),
        custom=dict(
            pretrain='pretrained/vit.pth',
            pre_processing_pipeline=[
                dict(
                    type='Rearrange',
                    keys=['frames'],
                    ops='b n c (t1 t) h w -> (b t1) n c t h w',
                    t1=chunks)
            ],
            post_processing_pipeline=[
                dict(
                    type='Reduce',
                    keys=['feats'],
                    ops='b n c t h w -> b c t',
                    reduction='mean'),
                dict(
                    type='Rearrange',
                    keys=['feats'],
                    ops='(b t1) c t -> b c (t1 t)',
                    t1=chunks),
                dict(type='Interpolate', keys=['feats'], size=window)
            ],
            norm_eval=False,
            freeze_backbone=False))


def whole_config(detector, config, window):
    """OpenTAD's whole config of a detector on frames."""
    model_dict, _ = DETECTORS[detector]
    model = model_dict(
        in_channels=config['embed_dims'],
        arch=(1, 1, 2),
        head=dict(prior_generator=dict(regression_range=RANGES['A'][:3])),
        max_seq_len=window)
    return dict(
        model=dict(model, backbone=backbone_dict(config, window)),
        dataset=dict(
            test=dict(
                type='ThumosSlidingDataset',
                window_size=window,
                window_overlap_ratio=0.5)),
        post_processing=dict(nms=dict(sigma=0.7), save_dict=False))


@pytest.fixture(params=DETECTORS)
def detector(request):
    return request.param


@pytest.fixture
def whole(detector):
    return whole_config(detector, SMALL, 32)


@pytest.mark.parametrize('path', RECORDINGS, ids=lambda path: path.stem)
def test_a_checkpoint_of_recorded_weights_encodes_as_recorded(path, detector):
    recorded = torch.load(path, weights_only=True)
    window = recorded['masks'].size(1)
    whole = whole_config(detector, recorded['config'], window)
    checkpoint = DETECTORS[detector][1](whole['model'])
    for name, value in recorded['state_dict'].items():
        checkpoint[f'module.backbone.model.backbone.{name}'] = value
    model = MODELS.build(convert_config(whole)).eval()
    model.load_state_dict(convert_state_dict(checkpoint), strict=True)
    feats = model.encoder(recorded['frames'][:, 0], recorded['masks'])
    torch.testing.assert_close(feats, recorded['features'], rtol=0, atol=1e-4)
    trained = {
        name.removeprefix('encoder.backbone.')
        for name, each in model.named_parameters()
        if each.requires_grad and name.startswith('encoder.')
    }
    assert trained == set(recorded['trainable'])


@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_every_weight_has_a_place(whole, detector, prefix):
    """Small scalars of an adapter keep their shape, those of a head do not."""
    cfg = convert_config(whole)
    model = MODELS.build(cfg)
    checkpoint = {
        name.replace('module.', prefix, 1): value
        for name, value in DETECTORS[detector][1](whole['model']).items()
    }
    encoder = {
        name: torch.randn(value.shape)
        for name, value in model.encoder.state_dict().items()
    }
    for name, value in encoder.items():
        checkpoint[f'{prefix}backbone.model.{name}'] = value
    model.load_state_dict(convert_state_dict(checkpoint), strict=True)
    for name, value in encoder.items():
        assert torch.equal(model.encoder.state_dict()[name], value)


def test_every_setting_reaches_its_part(whole):
    net = whole['model']['backbone']['backbone']
    net.update(adapter_index=[1], adapter_mlp_ratio=0.25, qkv_bias=False)
    cfg = convert_config(Config(whole).to_dict())
    assert cfg['window'] == dict(size=32, overlap=0.5)
    assert cfg['data_preprocessor']['mean'] == SMALL['mean']
    assert cfg['data_preprocessor']['std'] == SMALL['std']
    model = MODELS.build(cfg)
    encoder = model.encoder
    assert encoder.mean.flatten().tolist() == SMALL['mean']
    assert encoder.std.flatten().tolist() == SMALL['std']
    assert encoder.adapter_index == [1] and encoder.clip_len == 8
    assert encoder.checkpoint_blocks and encoder.clips_at_once is None
    blocks = encoder.backbone.blocks
    assert len(blocks) == 3
    assert blocks[2].drop_path.drop_prob == pytest.approx(0.1)
    assert blocks[1].adapter.down_proj.out_features == 3
    assert blocks[0].norm1.eps == 1e-6
    assert not hasattr(blocks[0].attn, 'q_bias')
    assert model.postprocessor.nms['sigma'] == 0.7
    trained = {
        name.split('.')[4]
        for name, each in model.named_parameters()
        if each.requires_grad and name.startswith('encoder.backbone.blocks')
    }
    assert trained == {'adapter'}


@pytest.mark.parametrize('kind, custom, expected', [
    ('VisionTransformerAdapter', dict(freeze_backbone=True), 'frozen'),
    ('VisionTransformerCP', dict(freeze_backbone=True), 'frozen'),
    ('VisionTransformerCP', dict(), 'full'),
])
def test_other_modes(kind, custom, expected, whole):
    backbone = whole['model']['backbone']
    backbone['backbone']['type'] = kind
    backbone['custom'].update(custom, temporal_checkpointing=True)
    encoder = MODELS.build(convert_config(whole)).encoder
    assert encoder.train_mode == expected and encoder.clips_at_once == 1
    assert bool(encoder.adapter_index) == kind.endswith('Adapter')


def test_a_transformer_that_says_little_has_defaults(whole):
    """Those of VideoMAE-B, as OpenTAD has them."""
    backbone = whole['model']['backbone']
    backbone['backbone'] = dict(type='VisionTransformerAdapter')
    whole['model']['projection']['in_channels'] = 768
    encoder = convert_config(whole)['encoder']
    assert encoder['adapters'] == dict(index=[3, 5, 7, 11], ratio=0.25)
    net = encoder['backbone']
    assert (net['img_size'], net['patch_size'], net['tubelet_size']) == (224,
                                                                         16, 2)
    assert (net['embed_dims'], net['depth'], net['num_heads']) == (768, 12, 12)


@pytest.mark.parametrize('place, value, message', [
    ('type', 'mmaction.Recognizer2D', 'model.backbone.type must be one of'),
    ('backbone.type', 'VisionTransformerLadder', 'backbone.type must be one'),
    ('backbone.embed_dims', 16, 'in_channels must be the embed_dims .* 16'),
    ('backbone.adapter_index', [0, 3], 'adapter_index must lie below the dep'),
    ('backbone.depth', 10**6, 'depth must be a whole number'),
    ('backbone.use_mean_pooling', False, 'use_mean_pooling must be one of'),
    ('backbone.norm_cfg', dict(type='BN'), 'norm_cfg.type must be one of'),
    ('backbone', None, "model.backbone must have 'backbone'"),
    ('data_preprocessor.std', [0, 1, 1], 'std must be a list of 3 entries'),
    ('data_preprocessor', None, "data_preprocessor must have 'mean'"),
    ('custom.post_processing_pipeline.0.reduction', 'max',
     'post_processing_pipeline must be .* the mean over space'),
    ('custom.post_processing_pipeline.2.size', 31,
     'as many cells as the max_seq_len of model.projection, 32'),
    ('custom.post_processing_pipeline.2.type', 'Padding',
     'post_processing_pipeline must be'),
])
def test_what_it_does_not_have_is_refused(place, value, message):
    whole = copy.deepcopy(whole_config('ActionFormer', SMALL, 32))
    node, *path = whole['model']['backbone'], *place.split('.')
    for key in path[:-1]:
        node = node[int(key) if key.isdigit() else key]
    node[path[-1]] = value
    with pytest.raises(ConversionError, match=message):
        convert_config(whole)


@pytest.fixture(scope='module')
def converter():
    """The script as a module; it imports others of its folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / 'tools/model_converters'))
        yield importlib.import_module('dyfadet_to_mm')


def pipeline(size, **load):
    """Steps of OpenTAD's end-to-end recipes."""
    crop = [
        dict(type='mmaction.Resize', scale=(-1, size)),
        dict(type='mmaction.CenterCrop', crop_size=size)
    ]
    if load['method'] == 'random_trunc':
        crop = [
            dict(type='mmaction.Resize', scale=(-1, size + 4)),
            dict(type='mmaction.RandomResizedCrop'),
            dict(type='mmaction.Resize', scale=(size, size), keep_ratio=False),
            dict(type='mmaction.Flip', flip_ratio=0.5),
            dict(type='mmaction.ImgAug', transforms='default'),
            dict(type='mmaction.ColorJitter')
        ]
    return [
        dict(type='PrepareVideoInfo', format='mp4', prefix='v_'),
        dict(type='mmaction.DecordInit', num_threads=4),
        dict(type='LoadFrames', num_clips=1, **load),
        dict(type='mmaction.DecordDecode'), *crop,
        dict(type='mmaction.FormatShape', input_format='NCTHW'),
        dict(type='ConvertToTensor', keys=['imgs']),
        dict(type='Collect', inputs='imgs', keys=['masks'])
    ]


def with_recipe(whole, folder, method):
    """The whole config, with data in a folder."""
    data = dict(
        type='ThumosPaddingDataset',
        ann_file=str(folder / 'ann.json'),
        class_map=str(folder / 'names.txt'),
        data_path=str(folder / 'videos'),
        block_list=None,
        subset_name='training',
        feature_stride=4,
        sample_stride=1,
        pipeline=pipeline(
            16,
            method=method,
            trunc_len=32,
            trunc_thresh=0.6,
            crop_ratio=[0.9, 1.0],
            scale_factor=2))
    test = dict(
        data,
        type='ThumosSlidingDataset',
        subset_name='validation',
        window_size=32,
        window_overlap_ratio=0.5,
        pipeline=pipeline(16, method='sliding_window', scale_factor=2))
    return dict(
        whole,
        dataset=dict(train=data, val=test, test=test),
        evaluation=dict(type='mAP', tiou_thresholds=[0.3, 0.5]),
        solver=dict(train=dict(batch_size=3), clip_grad_norm=0.5),
        optimizer=dict(
            type='AdamW',
            lr=2e-4,
            weight_decay=0.04,
            backbone=dict(
                lr=0,
                weight_decay=0,
                custom=[dict(name='adapter', lr=6e-4, weight_decay=0.05)],
                exclude=['backbone'])),
        scheduler=dict(warmup_epoch=4, max_epoch=90),
        workflow=dict(end_epoch=70, val_start_epoch=30))


def test_a_recipe_follows(converter, detector, tmp_path):
    whole = whole_config(detector, SMALL, 32)
    cfg = converter.make_config(with_recipe(whole, tmp_path, 'random_trunc'))
    train, test = (cfg[f'{x}_dataloader'].dataset for x in ('train', 'test'))
    for data, subset in ((train, 'training'), (test, 'validation')):
        assert data.type == 'TADVideoDataset' and data.subset == subset
        assert data.data_prefix == dict(video=str(tmp_path / 'videos'))
        assert (data.file_prefix, data.file_suffix) == ('v_', '.mp4')
        assert data.feat_stride == 4 and not data.class_agnostic
        assert data.metainfo.classes == str(tmp_path / 'names.txt')
    steps = {each.type: each for each in train.pipeline}
    assert steps['SampleCellFrames'].frames_per_cell == 2
    assert steps['RandomTruncate'].max_seq_len == 32
    assert steps['RandomTruncate'].trunc_thresh == 0.6
    scales = [x.scale for x in train.pipeline if x.type == 'mmaction.Resize']
    assert scales == [(-1, 20), (16, 16)]
    in_pieces, = (x for x in test.pipeline if x.type == 'DecodeInPieces')
    decode, resize, crop = in_pieces.transforms
    assert (resize.scale, crop.crop_size) == ((-1, 16), (16, 16))
    assert cfg.model.window == dict(size=32, overlap=0.5)
    optimizer = cfg.optim_wrapper
    assert optimizer.optimizer.lr == 2e-4
    assert optimizer.optimizer.weight_decay == 0.04
    assert optimizer.paramwise_cfg.custom_keys[
        '.adapter.'].lr_mult == pytest.approx(3.)
    assert optimizer.clip_grad.max_norm == 0.5
    warmup, cosine = cfg.param_scheduler
    assert (warmup.end, cosine.end) == (4, 90)
    assert cfg.train_cfg.max_epochs == 70 and cfg.train_cfg.val_begin == 30
    assert cfg.train_dataloader.batch_size == 3
    assert cfg.val_evaluator.tiou_thresholds == [0.3, 0.5]


def test_a_recipe_of_spread_cells_follows(converter, tmp_path):
    whole = with_recipe(
        whole_config('ActionFormer', SMALL, 32), tmp_path, 'resize')
    for data in whole['dataset'].values():
        for key in ('feature_stride', 'sample_stride', 'window_size'):
            data.pop(key, None)
        data['pipeline'] = pipeline(16, method='resize', scale_factor=2)
        data['resize_length'] = 32
    cfg = converter.make_config(whole)
    for split in ('train', 'val', 'test'):
        data = cfg[f'{split}_dataloader'].dataset
        assert data.feat_stride is None
        assert data.pipeline[1] == dict(
            type='SampleCellFrames', frames_per_cell=2, num_cells=32)
    assert 'window' not in cfg.model
    # cell 3 of a video of 64 seconds begins after 6 and is centred at 7
    head = MODELS.build(cfg.model).head
    position = head.points([32, 16, 8], 'cpu').position[3:4]
    assert grid_to_seconds(position, 30, 60, 60).tolist() == [6.]


def test_other_ways_to_choose_frames_are_refused(converter, tmp_path):
    whole = with_recipe(
        whole_config('ActionFormer', SMALL, 32), tmp_path, 'padding')
    with pytest.raises(ConversionError, match="method must be one of .*'padd"):
        converter.make_config(whole)


def test_a_converted_detector_detects_in_videos(converter, detector, tmp_path):
    """By the files that the script writes; as the model without them."""
    torch.manual_seed(0)
    whole = with_recipe(
        whole_config(detector, SMALL, 32), tmp_path, 'random_trunc')
    names, videos = [f'action {i}' for i in range(5)], {}
    (tmp_path / 'names.txt').write_text('\n'.join(names))
    (tmp_path / 'videos').mkdir()
    for name, subset in (('a', 'training'), ('b', 'validation')):
        frames = torch.randint(256, (300, 20, 32, 3), dtype=torch.uint8)
        write_video(str(tmp_path / f'videos/v_{name}.mp4'), frames.numpy(), 30)
        videos[name] = dict(
            subset=subset,
            duration=10.,
            fps=30.,
            annotations=[dict(segment=[1., 3.], label=x) for x in names])
    (tmp_path / 'ann.json').write_text(json.dumps(dict(database=videos)))
    model = MODELS.build(convert_config(whole))
    checkpoint = dict(DETECTORS[detector][1](whole['model']))
    for name, value in model.encoder.state_dict().items():
        checkpoint[f'module.backbone.model.{name}'] = torch.randn(
            value.shape) * 0.3
    torch.save(
        dict(epoch=59, state_dict={}, state_dict_ema=checkpoint),
        tmp_path / 'epoch_59.pth')
    (tmp_path / 'toy.py').write_text('\n'.join(
        f'{key} = {value!r}' for key, value in whole.items()))
    weights, config = converter.convert(
        str(tmp_path / 'epoch_59.pth'), str(tmp_path / 'toy.py'),
        str(tmp_path / 'out'))
    cfg = Config.fromfile(config)
    with DefaultScope.overwrite_default_scope('dyfadet_mm'):
        data = DATASETS.build(cfg.test_dataloader.dataset)
        written = MODELS.build(cfg.model).eval()
    load_checkpoint(written, weights, strict=True)
    model.load_state_dict(convert_state_dict(checkpoint), strict=True)
    sample = data[0]
    assert sample['inputs'].shape == (3, 75, 2, 16, 16)
    found = [
        each.test_step(
            dict(
                inputs=[sample['inputs']],
                data_samples=[copy.deepcopy(sample['data_samples'])
                              ]))[0].pred_instances
        for each in (written, model.eval())
    ]
    assert len(found[0]) > 10
    for key in ('segments', 'scores', 'labels'):
        torch.testing.assert_close(found[0][key], found[1][key])
