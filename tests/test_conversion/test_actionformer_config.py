import pytest
import torch

from dyfadet_mm.conversion import (convert_config, convert_state_dict,
                                   detector_name)
from dyfadet_mm.models import (ConvBackbone, ConvHead, FPN1d,
                               LocalAttentionBackbone)
from dyfadet_mm.registry import MODELS

TINY = dict(
    n_mha_win_size=5,
    n_head=2,
    input_dim=6,
    num_classes=3,
    backbone_arch=(2, 1, 2),
    regression_range=[(0, 4), (4, 8), (8, 10000)],
    embd_dim=8,
    fpn_dim=8,
    head_dim=16,
    max_seq_len=16)


def convert(model=None, **sections):
    cfg = convert_config(dict(model=dict(TINY, **(model or {})), **sections))
    return cfg, MODELS.build(cfg)


@pytest.mark.parametrize('model, name, expected', [
    (dict(n_mha_win_size=19), None, 'ActionFormer'),
    (dict(n_sgp_win_size=1), None, 'TriDet'),
    (dict(), 'LocPointTransformer', 'ActionFormer'),
    (dict(), 'TriDet', 'TriDet'),
    (dict(), None, 'DyFADet'),
    (dict(), 'DyFADet', 'DyFADet'),
    (dict(n_mha_win_size=19), 'TriDet', 'ActionFormer'),
    (dict(n_sgp_win_size=15, dyn_head=dict()), None, 'DyFADet'),
])
def test_detector_is_recognised(model, name, expected):
    cfg = dict(model=model)
    if name is not None:
        cfg['model_name'] = name
    assert detector_name(cfg) == expected


def test_defaults_are_those_of_actionformer():
    cfg = convert_config(
        dict(
            model_name='LocPointTransformer',
            model=dict(input_dim=2048, num_classes=20)))
    backbone, head = cfg['backbone'], cfg['head']
    assert backbone['window'] == -1 and backbone['num_heads'] == 4
    assert backbone['dropout'] == 0 and backbone['drop_path_rate'] == 0.1
    assert not backbone['use_rel_pe']
    assert head['reg_weight'] == 'points'
    assert head['loss_normalizer']['init_value'] == 2000
    assert cfg['data_preprocessor']['size_divisor'] == 32
    assert cfg['postprocessor']['voting_by_iou']
    assert 'score_fusion' not in cfg
    MODELS.build(cfg)


def test_every_setting_reaches_its_part():
    _, model = convert(
        dict(
            n_mha_win_size=[3, -1, 7],
            use_rel_pe=True,
            use_abs_pe=True,
            embd_kernel_size=5,
            head_kernel_size=5,
            head_num_layers=4),
        train_cfg=dict(dropout=0.2, droppath=0.3, loss_weight=2.),
        test_cfg=dict(nms_method='hard', multiclass_nms=False))
    assert isinstance(model.backbone, LocalAttentionBackbone)
    assert isinstance(model.head, ConvHead)
    layers = [*model.backbone.stem, *model.backbone.branch]
    assert [each.attention.reach for each in layers] == [1, None, 3]
    assert layers[2].attention.rel_pe.shape == (1, 1, 2, 7)
    assert layers[0].mlp[2].p == layers[0].attention.dropout.p == 0.2
    assert layers[0].drop_path_mlp.drop_prob == 0.3
    assert model.backbone.position.max_seq_len == 16
    assert model.backbone.embed[0].kernel_size == (5, )
    assert len(model.head.cls_tower.convs) == 3
    assert model.head.loss_reg.loss_weight == 2
    assert model.postprocessor.nms['method'] == 'hard'
    assert model.postprocessor.voting_by_iou


@pytest.mark.parametrize(
    'window, arch, expected',
    [
        (19, (2, 2, 5), 576),
        (9, (2, 2, 5), 256),
        (9, (2, 2, 6), 512),
        (9, (2, 2, 7), 1024),
        ([7, 7, 7, 7, 7, -1], (2, 2, 5), 96),  # 16 * 6 > 32
        (2, (2, 2, 5), 64),
        (-1, (2, 2, 5), 32)
    ])
def test_long_videos_are_padded_to_the_published_multiple(
        window, arch, expected):
    ranges = [(0, 4)] * (arch[-1] + 1)
    cfg, _ = convert(
        dict(
            n_mha_win_size=window, backbone_arch=arch,
            regression_range=ranges))
    assert cfg['data_preprocessor']['size_divisor'] == expected


def test_sets_of_features_have_projections():
    cfg, model = convert(dict(input_dim=[4, 2], embd_dim=[3, 5]))
    assert cfg['backbone']['source_channels'] == [3, 5]
    assert model.backbone.in_channels == 6
    assert model.backbone.embed_channels == 8


def test_convolutional_encoder():
    _, model = convert(dict(backbone_type='conv', use_abs_pe=True))
    assert isinstance(model.backbone, ConvBackbone)
    assert model.backbone.position is None
    conv = {
        f'backbone.{layer}.{part}.conv.{kind}': torch.randn(shape)
        for layer in ('stem.0', 'branch.0', 'branch.1')
        for part, channels in (('conv1', (16, 8)), ('conv2', (8, 16)))
        for kind, shape in (('weight', (*channels, 3)), ('bias', channels[:1]))
    }
    for layer in ('branch.0', 'branch.1'):
        conv[f'backbone.{layer}.downsample.conv.weight'] = torch.ones(8, 8, 1)
        conv[f'backbone.{layer}.downsample.conv.bias'] = torch.ones(8)
    weights = convert_state_dict(conv)
    found = {
        name: value.shape
        for name, value in model.state_dict().items()
        if name.startswith(('backbone.stem', 'backbone.branch'))
    }
    assert {name: value.shape for name, value in weights.items()} == found


def test_names_of_options_without_a_recording():
    _, model = convert(
        dict(
            input_dim=[4, 2],
            embd_dim=[3, 5],
            use_rel_pe=True,
            embd_with_ln=False,
            fpn_type='fpn',
            fpn_with_ln=False))
    assert isinstance(model.neck, FPN1d)
    theirs = {
        'module.backbone.proj.0.conv.weight': (3, 4, 1),
        'module.backbone.proj.1.conv.bias': (5, ),
        'module.backbone.embd.1.conv.bias': (8, ),
        'module.backbone.branch.1.attn.rel_pe': (1, 1, 2, 5),
        'module.neck.lateral_convs.2.conv.bias': (8, ),
        'module.neck.fpn_convs.0.conv.weight': (8, 1, 3),
        'module.neck.fpn_convs.0.conv.bias': (8, ),
    }
    weights = convert_state_dict({
        name: torch.randn(shape)
        for name, shape in theirs.items()
    })
    ours = model.state_dict()
    assert len(weights) == len(theirs)
    for name, value in weights.items():
        assert ours[name].shape == value.shape, name


def test_external_scores_are_taken_as_they_are(tmp_path):
    (tmp_path / 'scores.json').write_text('{"results": {"v": [3.0, -1.0]}}')
    _, model = convert(
        test_cfg=dict(ext_score_file=str(tmp_path / 'scores.json')))
    assert model.score_fusion.softmax is False
    assert model.score_fusion.class_scores('v').tolist() == [3, -1]


@pytest.mark.parametrize('model, message', [
    (dict(n_mha_win_size=[7, 7]), r'n_mha_win_size must be one number or 3.*'
     r'the 2 branch layers .* got \[7, 7\]'),
    (dict(backbone_type='DynE'), "backbone_type must be one of .*'DynE'"),
    (dict(fpn_start_level=1), 'fpn_start_level must be one of .* got 1'),
    (dict(fpn_dim=16), 'fpn_dim must equal model.embd_dim.* got 16 and 8'),
    (dict(input_dim=[4, 2]), r'embd_dim must have one entry .* \[4, 2\], but'),
    (dict(input_dim=[4, 2], embd_dim=[8]), r'embd_dim must .* got \[8\]'),
])
def test_what_is_not_built_is_refused(model, message):
    with pytest.raises(ValueError, match=message):
        convert(model)


def test_sizes_must_be_given():
    with pytest.raises(KeyError, match='input_dim'):
        convert_config(dict(model=dict(n_mha_win_size=9, num_classes=3)))
