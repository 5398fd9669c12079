import copy

import pytest
import torch
from opentad_weights import model_dict

from dyfadet_mm.conversion import convert_config
from dyfadet_mm.models import ReTanH
from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells

#: One second is one cell: no shift, no scale.
PLAIN = dict(fps=1., feat_stride=1, feat_num_frames=0, duration=1e4)
NMS = dict(
    use_soft_nms=True,
    sigma=0.7,
    max_seg_num=150,
    iou_threshold=0,
    min_score=0.002,
    multiclass=False,
    voting_thresh=0.9)


def build(*args, **kwargs):
    return MODELS.build(convert_config(model_dict(*args, **kwargs)))


def test_every_setting_reaches_its_part():
    model = build(
        in_channels=7,
        width=16,
        head_width=24,
        num_classes=3,
        arch=(1, 1, 5),
        ranges='B',
        head=dict(
            num_convs=3,
            head_kernel_size=5,
            cls_prior_prob=0.02,
            loss_normalizer=250,
            loss_normalizer_momentum=0.8,
            center_sample_radius=2.5,
            label_smoothing=0.1,
            loss_weight=2.,
            loss=dict(cls_loss=dict(type='FocalLoss', gamma=3.))),
        dyn_head=dict(tau=2., type='ReTanH', dyn_type='ck'),
        use_abs_pe=True,
        max_seq_len=96,
        mlp_dim=None,
        encoder_win_size=3,
        k=1.2,
        init_conv_vars=0.2,
        path_pdrop=0.3,
        input_noise=0.4,
        conv_cfg=dict(kernel_size=5))
    padding = model.data_preprocessor
    assert (padding.max_seq_len, padding.size_divisor) == (96, 3 * 32)
    assert padding.input_noise == 0.4
    encoder = model.backbone
    assert len(encoder.embed) == len(encoder.stem) == 1
    assert encoder.embed[0].kernel_size == (5, )
    assert encoder.embed[0].weight.shape[:2] == (16, 7)
    assert encoder.position.table.shape == (1, 16, 96)
    layer = encoder.branch[0]
    assert layer.window.kernel_size == (3, )
    assert layer.wide.kernel_size == (5, ) and layer.init_std == 0.2
    assert layer.drop_path_out.drop_prob == 0.3
    assert layer.mlp[0].out_channels == 64
    head = model.head
    assert len(head.cls_tower.layers) == 3
    assert head.conv_cls.weight.shape == (3, 24, 5)
    path = head.cls_tower.layers[0]
    assert path.down.attention.gate.axes == (16, 5)
    assert path.down.attention.gate.act.tau == 2
    assert isinstance(path.depth.attention.act, ReTanH)
    assert head.points.regression_ranges[1] == (2, 8)
    assert head.assigner.center_radius == 2.5
    assert (head.prior_prob, head.label_smoothing) == (0.02, 0.1)
    assert head.loss_normalizer.value == 250
    assert head.loss_normalizer.momentum == 0.8
    assert head.loss_cls.gamma == 3 and head.loss_reg.loss_weight == 2


def test_all_norms_have_its_eps():
    eps = [m.eps for m in build().modules() if hasattr(m, 'eps')]
    # embedding 2, layers 2 * 7, neck 6, towers 2 * 2 * 4
    assert eps == [1e-6] * (2 + 14 + 6 + 16)


def test_masks_are_pooled():
    model = build()
    cells = Cells.of([78], 128, 'cpu', model.padding)
    pyramid = model.backbone(torch.randn(1, 24, 128), cells)
    counts = [78, 40, 21, 11, 6, 4]
    assert [int(mask.sum()) for mask in pyramid.masks] == counts
    assert [each.lengths for each in pyramid.cells] == [[n] for n in counts]


def test_a_config_that_says_little_has_defaults():
    full = model_dict(use_abs_pe=False, mlp_dim=None)
    short = dict(
        type='DyFADet',
        projection=dict(
            type='DynEProj', in_channels=24, out_channels=32, max_seq_len=128),
        neck=dict(type='FPNIdentity'),
        rpn_head=dict(
            type='TDynHead',
            num_classes=5,
            feat_channels=32,
            prior_generator=full['rpn_head']['prior_generator']))
    full['projection'].update(k=1.5, init_conv_vars=0.)
    assert convert_config(short) == convert_config(full)


def test_a_whole_config_brings_its_suppression():
    whole = dict(model=model_dict(), post_processing=dict(nms=NMS))
    cfg = convert_config(whole)
    post = MODELS.build(cfg).postprocessor
    assert post.nms == dict(
        method='gaussian',
        sigma=0.7,
        min_score=0.002,
        max_num=150,
        class_wise=False)
    assert (post.score_thr, post.pre_nms_topk) == (0.001, 2000)
    assert post.voting_thr == 0.9 and not post.topk_per_level
    post = convert_config(
        dict(
            model=model_dict(),
            post_processing=dict(
                nms=dict(NMS, use_soft_nms=False, iou_threshold=0.4),
                pre_nms_thresh=0.1,
                pre_nms_topk=30)))['postprocessor']
    assert post['nms']['method'] == 'hard'
    assert post['nms']['iou_threshold'] == 0.4
    assert (post['score_thr'], post['pre_nms_topk']) == (0.1, 30)


def candidates(levels, **kwargs):
    """Candidates of our post-processing: segment, score, label."""
    cfg = convert_config(
        dict(model=model_dict(**kwargs), post_processing=dict(nms=None)))
    out = MODELS.build(cfg).postprocessor(levels, PLAIN)
    return list(
        zip(out.segments.tolist(), out.scores.tolist(), out.labels.tolist()))


def make_levels(num_classes, *lengths):
    return [(torch.rand(n, 1) * 99 + torch.tensor([0., 0.5]),
             torch.rand(n, num_classes)**4) for n in lengths]


def test_candidates_are_the_best_of_the_whole_pyramid():
    levels = make_levels(5, 600, 300, 75)
    expected = [(segment, score, label) for segments, scores in levels
                for segment, row in zip(segments.tolist(), scores.tolist())
                for label, score in enumerate(row) if score > 0.001]
    expected = sorted(expected, key=lambda x: -x[1])[:2000]
    assert 2000 < sum(int((x > 0.001).sum()) for _, x in levels)
    assert sorted(candidates(levels)) == sorted(expected)


def test_with_one_class_every_valid_point_is_a_candidate():
    levels = make_levels(1, 2500, 5)
    levels[1][1][:3] = 1e-5  # below the threshold of other heads
    levels[1][1][3:] = 0.  # padding
    levels[0][0][7] = 4.  # of no length
    found = candidates(levels, num_classes=1)
    assert len(found) == 2503
    assert [4., 4.] in [segment for segment, _, _ in found]


@pytest.mark.parametrize('classifier, expected', [
    (dict(type='StandardClassifier',
          topk=2), dict(topk=2, method='sqrt', softmax=False)),
    (dict(type='CUHKANETClassifier',
          topk=1), dict(topk=1, method='product', softmax=False)),
    (dict(type='TCANetHACSClassifier'),
     dict(topk=3, method='product', softmax=True, scale=2.)),
])
def test_video_classifiers_convert(classifier, expected, tmp_path):
    path = tmp_path / 'scores.json'
    path.write_text('{"v": [0.5, 0.5]}')
    cfg = convert_config(
        dict(
            model=model_dict(num_classes=1),
            post_processing=dict(
                external_cls=dict(classifier, path=str(path)))))
    assert cfg['score_fusion'] == dict(
        type='dyfadet_mm.ScoreFusion',
        score_file=str(path),
        max_num=None,
        **expected)
    assert MODELS.build(cfg).score_fusion.topk == expected['topk']


def test_an_embedding_without_norms_has_biases():
    model = build(norm_cfg=None)
    assert model.backbone.embed[0].bias is not None
    assert isinstance(model.backbone.embed_norms[0], torch.nn.Identity)


def test_the_given_config_is_not_changed():
    config = model_dict()
    copied = copy.deepcopy(config)
    first = convert_config(config)
    first['backbone']['norm_cfg']['eps'] = 1.
    first['head']['regression_ranges'].append((1, 2))
    assert config == copied
    again = convert_config(config)
    assert again['backbone']['norm_cfg'] == dict(eps=1e-6)
    assert len(again['head']['regression_ranges']) == 6


def changed(path, value):
    """A model dict with one value changed, or left out."""
    config = node = model_dict()
    *parents, key = path.split('.')
    for name in parents:
        node = node[name]
    if value is None:
        del node[key]
    else:
        node[key] = value
    return config


@pytest.mark.parametrize('path, value, message', [
    ('type', 'TriDet', "model.type must be one of .*'TriDet'"),
    ('projection.type', 'Conv1DTransformerProj', 'model.projection.type must'),
    ('neck.type', 'FPN', "model.neck.type must be one of .*'FPN'"),
    ('rpn_head.type', 'TriDetHead', 'model.rpn_head.type must be one of'),
    ('projection.encoder_win_size', 4, 'encoder_win_size must be one odd'),
    ('neck.num_levels', 5, 'model.neck.num_levels must be 6.* but got 5'),
    ('neck.out_channels', 64, 'model.neck.out_channels must be 32'),
    ('rpn_head.in_channels', 64, 'model.rpn_head.in_channels must be 32'),
    ('rpn_head.prior_generator.strides', [2, 4, 8, 16, 32, 64],
     r'strides must be \[1, 2, 4, 8, 16, 32\]'),
    ('rpn_head.prior_generator.regression_range', [
        (0, 4)
    ], 'number of rpn_head.prior_generator.regression_range must be 6'),
    ('rpn_head.prior_generator.use_offset', True, 'use_offset must be one of'),
    ('rpn_head.center_sample', 'box', "center_sample must be .*'box'"),
    ('rpn_head.filter_similar_gt', False, 'filter_similar_gt must be one of'),
    ('rpn_head.dyn_head_cfg.type', 'Tanh', 'dyn_head_cfg.type must .*Tanh'),
    ('rpn_head.loss.reg_loss.type', 'GIOULoss', 'reg_loss.type must be one'),
])
def test_what_our_parts_do_not_do_is_refused(path, value, message):
    with pytest.raises(ValueError, match=message):
        convert_config(changed(path, value))


@pytest.mark.parametrize('path, message', [
    ('neck', "model must have a dict 'neck'"),
    ('rpn_head', "model must have a dict 'rpn_head'"),
    ('projection.in_channels', "projection must have 'in_channels'"),
    ('rpn_head.num_classes', "rpn_head must have 'num_classes'"),
    ('projection', "reference_cfg must have 'model', or 'projection'"),
])
def test_missing_parts_are_named(path, message):
    with pytest.raises(KeyError, match=message):
        convert_config(changed(path, None))


def test_unknown_classifiers_are_refused():
    post = dict(external_cls=dict(type='PseudoClassifier', path='x.json'))
    with pytest.raises(ValueError, match='external_cls.type must be one of'):
        convert_config(dict(model=model_dict(), post_processing=post))
