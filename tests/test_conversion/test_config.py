import copy
import logging
from collections import OrderedDict

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope, init_default_scope

from dyfadet_mm.conversion import convert_config
from dyfadet_mm.models import (ConvHead, DyHead, FPN1d, GeReTanH, IdentityFPN,
                               ReTanH)
from dyfadet_mm.registry import MODELS

TINY = dict(
    input_dim=6,
    num_classes=3,
    backbone_arch=(2, 1, 2),
    regression_range=[(0, 4), (4, 8), (8, 10000)],
    embd_dim=16,
    fpn_dim=16,
    head_dim=16,
    mlp_dim=8,
    max_seq_len=16)


def reference(model=None, train_cfg=None, test_cfg=None, **kwargs):
    cfg = dict(model=dict(TINY, **(model or {})), **kwargs)
    if train_cfg is not None:
        cfg['train_cfg'] = train_cfg
    if test_cfg is not None:
        cfg['test_cfg'] = test_cfg
    return cfg


def convert(*args, **kwargs):
    """Our config and the model that it builds."""
    cfg = convert_config(reference(*args, **kwargs))
    return cfg, MODELS.build(copy.deepcopy(cfg))


def test_defaults_are_those_of_the_published_code():
    cfg = convert_config(dict(model=dict(input_dim=2048, num_classes=20)))
    backbone, head = cfg['backbone'], cfg['head']
    assert backbone['arch'] == (2, 2, 5) and backbone['position'] is None
    assert backbone['embed_channels'] == 512
    assert backbone['kernel_size'] == 1 and backbone['factor'] == 1.5
    assert backbone['drop_path_rate'] == 0.1 and backbone['init_std'] == 0
    assert head['regression_ranges'] == [(0, 4), (4, 8), (8, 16), (16, 32),
                                         (32, 64), (64, 10000)]
    assert (head['num_layers'], head['kernel_size']) == (3, 3)
    assert (head['formation'], head['tau']) == ('c', 1.5)
    assert head['assigner']['center_radius'] == 1.5
    assert head['prior_prob'] == 0.01 and head['empty_classes'] == []
    assert cfg['data_preprocessor']['max_seq_len'] == 2304
    assert cfg['data_preprocessor']['size_divisor'] == 32
    assert 'score_fusion' not in cfg
    MODELS.build(cfg)


def test_every_setting_reaches_its_part():
    _, model = convert(
        dict(
            n_encoder_win_size=3,
            k=1.2,
            embd_kernel_size=5,
            head_num_layers=4,
            head_kernel_size=5,
            init_conv_vars=0.3,
            input_noise=0.2,
            dyn_head=dict(tau=2., init_gate=0.1, type='ReTanH',
                          dyn_type='ck')),
        dict(
            center_sample_radius=2.5,
            cls_prior_prob=0.02,
            init_loss_norm=250,
            head_empty_cls=[1],
            droppath=0.3,
            label_smoothing=0.1,
            loss_weight=2.),
        dict(
            pre_nms_thresh=0.01,
            pre_nms_topk=123,
            iou_threshold=0.2,
            min_score=0.02,
            max_seg_num=45,
            nms_sigma=0.7,
            duration_thresh=0.3,
            multiclass_nms=False,
            voting_thresh=0.9))
    layer = model.backbone.branch[0]
    assert layer.window.kernel_size == (3, )
    assert layer.wide.kernel_size == (5, ) and layer.init_std == 0.3
    assert layer.drop_path_out.drop_prob == 0.3
    assert layer.mlp[0].out_channels == 8
    assert model.backbone.embed[0].kernel_size == (5, )
    assert model.data_preprocessor.size_divisor == 3 * 4
    assert model.data_preprocessor.input_noise == 0.2
    head = model.head
    assert len(head.cls_tower.layers) == 3
    assert head.conv_cls.kernel_size == (5, )
    dy_layer = head.cls_tower.layers[0]
    assert dy_layer.down.attention.gate.axes == (16, 5)
    assert dy_layer.down.attention.gate.act.tau == 2
    assert isinstance(dy_layer.depth.attention.act, ReTanH)
    assert head.assigner.center_radius == 2.5
    assert head.prior_prob == 0.02 and head.empty_classes == [1]
    assert head.loss_normalizer.value == 250
    assert head.label_smoothing == 0.1 and head.loss_reg.loss_weight == 2
    post = model.postprocessor
    assert (post.score_thr, post.pre_nms_topk) == (0.01, 123)
    assert (post.min_length, post.voting_thr) == (0.3, 0.9)
    assert post.nms == dict(
        method='gaussian',
        sigma=0.7,
        iou_threshold=0.2,
        min_score=0.02,
        max_num=45,
        class_wise=False)


@pytest.mark.parametrize('window, divisor', [(1, 4), (3, 12), (15, 60)])
def test_long_videos_are_padded_by_stride_times_window(window, divisor):
    _, model = convert(dict(n_encoder_win_size=window))
    assert model.data_preprocessor.padded_len(
        17) == -(-17 // divisor) * divisor
    assert model.data_preprocessor.padded_len(16) == 16


@pytest.mark.parametrize('norm', [True, False])
@pytest.mark.parametrize('name, cls', [('identity', IdentityFPN),
                                       ('fpn', FPN1d)])
def test_both_necks_convert(name, cls, norm):
    _, model = convert(dict(fpn_type=name, fpn_with_ln=norm))
    assert isinstance(model.neck, cls) and len(model.neck.norms) == 3
    assert isinstance(model.neck.norms[0], torch.nn.Identity) is not norm
    cls_logits, offsets = model(torch.randn(1, 6, 16))
    assert [x.shape for x in cls_logits] == [(1, 3, n) for n in (16, 8, 4)]
    assert [x.shape for x in offsets] == [(1, 2, n) for n in (16, 8, 4)]


def test_fpn_may_change_the_width():
    _, model = convert(dict(fpn_type='fpn', fpn_dim=8, head_dim=12))
    assert model.neck.lateral_convs[0].out_channels == 8
    assert model(torch.randn(1, 6, 16))[0][0].shape == (1, 3, 16)


def test_static_and_dynamic_heads_convert():
    _, model = convert(dict(dyn_head_flag=False, head_num_layers=4))
    assert isinstance(model.head, ConvHead)
    assert len(model.head.cls_tower.convs) == 3
    _, model = convert()
    assert isinstance(model.head, DyHead)


def test_absolute_positions_convert():
    _, model = convert(dict(use_abs_pe=True))
    assert model.backbone.position.table.shape == (1, 16, 16)


@pytest.mark.parametrize('weight, balance, factor', [(1., False, 1.),
                                                     (0.5, False, 0.5),
                                                     (0., True, 1.),
                                                     (-1., True, 1.)])
def test_a_loss_weight_of_zero_or_less_balances_the_losses(
        weight, balance, factor):
    _, model = convert(train_cfg=dict(loss_weight=weight))
    assert model.head.balance_losses is balance
    assert model.head.loss_reg.loss_weight == factor


def test_without_centre_sampling_the_whole_action_is_positive():
    _, model = convert(
        train_cfg=dict(center_sample='none', center_sample_radius=1.5))
    assert model.head.assigner.center_radius is None


@pytest.mark.parametrize('method, ours', [('soft', 'gaussian'),
                                          ('hard', 'hard'), ('none', None)])
def test_suppression_methods_convert(method, ours):
    cfg, _ = convert(test_cfg=dict(nms_method=method))
    nms = cfg['postprocessor']['nms']
    assert nms is None if ours is None else nms['method'] == ours


@pytest.mark.parametrize('name, cls', [('GeReTanH', GeReTanH),
                                       ('ReTanH', ReTanH),
                                       ('ReLU', torch.nn.ReLU),
                                       ('Sigmoid', torch.nn.Sigmoid)])
@pytest.mark.parametrize('scope', ['mmaction', 'mmdet', None])
def test_all_activations_build_from_any_scope(name, cls, scope, monkeypatch):
    monkeypatch.setattr(DefaultScope, '_instance_dict', OrderedDict())
    if scope is not None:
        init_default_scope(scope)
    _, model = convert(dict(dyn_head=dict(type=name, tau=0.7)))
    layer = model.head.reg_tower.layers[0]
    assert isinstance(layer.depth.attention.act, cls)
    # the scale paths keep GeReTanH
    assert layer.down.attention.gate.act.tau == 0.7


def test_external_scores_convert(tmp_path):
    path = tmp_path / 'scores.json'
    path.write_text('{"v": [0.5, 0.5]}')
    _, model = convert(test_cfg=dict(ext_score_file=str(path)))
    assert model.score_fusion.score_file == str(path)


def test_sizes_may_stand_in_the_dataset_section():
    model = {
        key: value
        for key, value in TINY.items()
        if key not in ('input_dim', 'num_classes', 'max_seq_len')
    }
    dataset = dict(input_dim=7, num_classes=4, max_seq_len=24, crop_ratio=0.9)
    cfg = convert_config(dict(model=model, dataset=dataset))
    assert cfg['backbone']['in_channels'] == 7
    assert cfg['head']['num_classes'] == 4
    assert cfg['data_preprocessor']['max_seq_len'] == 24
    # the model section goes first
    cfg = convert_config(dict(model=TINY, dataset=dataset))
    assert cfg['backbone']['in_channels'] == 6


@pytest.mark.parametrize('key', ['input_dim', 'num_classes'])
def test_missing_sizes_are_named(key):
    model = {name: TINY[name] for name in TINY if name != key}
    with pytest.raises(KeyError, match=f"must have '{key}'"):
        convert_config(dict(model=model))


@pytest.mark.parametrize('section, key, value', [
    ('model', 'backbone_type', 'convTransformer'),
    ('model', 'fpn_type', 'bifpn'),
    ('model', 'fpn_start_level', 1),
    ('model', 'scale_factor', 4),
    ('model', 'head_act', 'gelu'),
    ('model', 'head_with_ln', False),
    ('train_cfg', 'center_sample', 'box'),
    ('test_cfg', 'nms_method', 'linear'),
])
def test_parts_that_the_published_code_lacks_are_refused(section, key, value):
    with pytest.raises(ValueError) as error:
        convert_config(reference(**{section: {key: value}}))
    assert str(error.value).startswith(f'{section}.{key} must be one of')
    assert str(error.value).endswith(f'but got {value!r}')


@pytest.mark.parametrize('dyn_head, message', [
    (dict(type='Tanh'), "dyn_head.type must be one of .* but got 'Tanh'"),
    (dict(dyn_type='kc'), "formation must be one of .* but got 'kc'"),
])
def test_unknown_gates_are_refused(dyn_head, message):
    with pytest.raises(ValueError, match=message):
        convert(dict(dyn_head=dyn_head))


@pytest.fixture
def warnings():
    """Messages that the package logs during a test."""
    messages = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield messages
    logger.removeHandler(handler)


@pytest.mark.parametrize('section, key', [('model', 'n_head'),
                                          ('train_cfg', 'foo'),
                                          ('test_cfg', 'bar')])
def test_keys_that_nothing_reads_are_reported_and_ignored(
        section, key, warnings):
    cfg = convert_config(reference(**{section: {key: 1}}))
    [message] = warnings
    assert section in message and f"['{key}']" in message
    assert cfg == convert_config(reference())


def test_inert_keys_are_not_reported(warnings):
    convert_config(
        reference(
            dict(max_buffer_len_factor=6.),
            dict(clip_grad_l2norm=1., dropout=0.)))
    assert not warnings


def test_the_reference_config_is_not_changed():
    cfg = reference(train_cfg=dict(head_empty_cls=[1]))
    copied = copy.deepcopy(cfg)
    converted = convert_config(cfg)
    converted['head']['empty_classes'].append(2)
    converted['head']['regression_ranges'].append((1, 2))
    assert cfg == copied
    again = convert_config(dict(model=dict(input_dim=4, num_classes=1)))
    assert again['head']['empty_classes'] == []
    assert len(again['head']['regression_ranges']) == 6


@pytest.mark.parametrize('changes, message', [
    (dict(n_encoder_win_size=-1), 'n_encoder_win_size must be one odd'),
    (dict(n_encoder_win_size=[3, 3]), r'must be one odd .* got \[3, 3\]'),
    (dict(embd_dim=32, fpn_dim=16), 'fpn_dim must equal model.embd_dim'),
])
def test_settings_that_cannot_work_are_refused(changes, message):
    model = dict(dict(input_dim=4, num_classes=2), **changes)
    with pytest.raises(ValueError, match=message):
        convert_config(dict(model=model))
