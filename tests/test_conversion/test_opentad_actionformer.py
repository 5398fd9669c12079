"""OpenTAD's ActionFormer: settings, names, and outputs by its rules."""
import pytest
import torch
from mmaction.structures import ActionDataSample
from opentad_actionformer import (OpenTADActionFormerWeights,
                                  PlainActionFormer, model_dict)

from dyfadet_mm.conversion import (ConversionError, convert_config,
                                   convert_key, convert_state_dict)
from dyfadet_mm.models import LocalAttentionBackbone
from dyfadet_mm.registry import MODELS

#: What the recipes of OpenTAD choose, and other choices.
OPTIONS = dict(
    thumos=dict(),
    anet=dict(width=16, head_width=16, num_classes=1, use_abs_pe=True),
    local=dict(window=5, arch=(1, 1, 3), conv_cfg=dict(kernel_size=5)),
    small=dict(num_convs=3, arch=(2, 0, 2), path_pdrop=0.))


def build(config, weights):
    model = MODELS.build(convert_config(config)).eval()
    model.load_state_dict(convert_state_dict(weights), strict=True)
    return model


@pytest.fixture(scope='module', params=OPTIONS)
def pair(request):
    """Our model and the plain one with the same random weights, float64."""
    torch.manual_seed(0)
    config = model_dict(**OPTIONS[request.param])
    weights = OpenTADActionFormerWeights(config)
    plain = PlainActionFormer(config, {
        k: v.double()
        for k, v in weights.items()
    })
    return build(config, weights).double(), plain


@pytest.mark.parametrize('lengths', [(64, 37, 1), (6, 62), (131, 70)])
@torch.no_grad()
def test_outputs_are_those_of_its_rules(pair, lengths):
    """At the last cells of short videos too, which read the padding."""
    model, plain = pair
    torch.manual_seed(1)
    batch = model.data_preprocessor(
        dict(
            inputs=[torch.randn(24, length) for length in lengths],
            data_samples=[ActionDataSample() for _ in lengths]))
    cells = model.cells_of(batch['inputs'], batch['data_samples'])
    inputs = batch['inputs'].double()
    theirs = plain(inputs, cells.mask[:, 0])
    pyramid = model.backbone(inputs, cells)
    neck = model.neck(pyramid)
    logits, offsets = model.head(neck)
    for level, mask in enumerate(theirs['pyramid_masks']):
        assert torch.equal(neck.masks[level][:, 0], mask)
        for name, ours in dict(
                projection=pyramid.feats, cls_logits=logits,
                offsets=offsets).items():
            ours, expected = (
                x[level].transpose(1, 2)[mask] for x in (ours, theirs[name]))
            torch.testing.assert_close(
                ours, expected, rtol=0, atol=1e-6, msg=f'{name}, {level}')
    levels = model.head.decode_by_feat(logits, offsets, neck.masks)
    for video, proposals in enumerate(theirs['proposals']):
        found = torch.cat([
            segments[mask[video, 0]]
            for (segments, _), mask in zip(levels[video], neck.masks)
        ])
        torch.testing.assert_close(found, proposals.float(), atol=1e-4, rtol=0)


@pytest.mark.parametrize('prefix', ['', 'module.'])
@pytest.mark.parametrize('name', OPTIONS)
def test_weights_load_strictly(name, prefix):
    config = model_dict(**OPTIONS[name])
    weights = OpenTADActionFormerWeights(config)
    converted = convert_state_dict({
        name.replace('module.', prefix, 1): value
        for name, value in weights.items()
    })
    model = MODELS.build(convert_config(config))
    model.load_state_dict(converted, strict=True)
    assert all(convert_key(name) is not None for name in weights)
    assert model.state_dict().keys() == converted.keys()


def test_every_setting_reaches_its_part():
    config = model_dict(
        in_channels=7,
        width=16,
        arch=(1, 1, 5),
        num_convs=1,
        window=[7, 7, 7, 7, 7, -1],
        head=dict(
            cls_prior_prob=0.02,
            loss_normalizer=250,
            loss_normalizer_momentum=0.8,
            center_sample='none',
            label_smoothing=0.1,
            loss_weight=2.,
            loss=dict(cls_loss=dict(type='FocalLoss', gamma=3.))),
        conv_cfg=dict(proj_pdrop=0.3),
        path_pdrop=0.2,
        input_pdrop=0.4,
        use_abs_pe=True,
        max_seq_len=96)
    model = MODELS.build(
        convert_config(
            dict(
                model=config,
                post_processing=dict(
                    nms=dict(max_seg_num=70, voting_thresh=0.7),
                    pre_nms_topk=30))))
    padding = model.data_preprocessor
    assert (padding.max_seq_len, padding.size_divisor) == (96, 96)
    assert padding.channel_dropout == 0.4
    encoder = model.backbone
    assert isinstance(encoder, LocalAttentionBackbone)
    assert encoder.position.table.shape == (1, 16, 96)
    assert encoder.branch[3].attention.reach == 3
    assert encoder.branch[4].attention.reach is None
    assert encoder.stem[0].drop_path_attn.drop_prob == 0.2
    assert encoder.stem[0].mlp[2].p == 0.3
    head = model.head
    assert len(head.cls_tower.convs) == 1 and head.reg_weight == 'points'
    assert head.assigner.center_radius is None
    assert (head.prior_prob, head.label_smoothing) == (0.02, 0.1)
    assert head.loss_normalizer.value == 250
    assert head.loss_normalizer.momentum == 0.8
    assert head.loss_cls.gamma == 3 and head.loss_reg.loss_weight == 2
    post = model.postprocessor
    assert (post.pre_nms_topk, post.topk_per_level) == (30, False)
    assert post.nms['max_num'] == 70
    # OpenTAD does not weigh votes by their tIoU, as ActionFormer does
    assert post.voting_thr == 0.7 and not post.voting_by_iou


def test_norms_of_layers_have_another_eps():
    config = model_dict(arch=(2, 1, 2), num_convs=2)
    model = MODELS.build(convert_config(config))
    eps = {
        part:
        {m.eps
         for m in getattr(model, part).modules() if hasattr(m, 'eps')}
        for part in ('neck', 'head')
    }
    assert eps == dict(neck={1e-6}, head={1e-6})
    encoder = model.backbone
    assert {norm.eps for norm in encoder.embed_norms} == {1e-6}
    layers = [*encoder.stem, *encoder.branch]
    assert {
        m.eps
        for layer in layers
        for m in layer.modules() if hasattr(m, 'eps')
    } == {1e-5}


@pytest.mark.parametrize('test, window', [
    (dict(window_size=48, window_overlap_ratio=0.5), dict(
        size=48, overlap=0.5)),
    (dict(window_size=64), dict(size=64, overlap=0.25)),
    (dict(type='ThumosPaddingDataset'), None),
])
def test_sliding_data_sets_give_windows(test, window):
    whole = dict(model=model_dict(), dataset=dict(train=dict(), test=test))
    cfg = convert_config(whole)
    assert cfg.get('window') == window
    windows = MODELS.build(cfg).windows
    assert (windows and windows.size) == (window and window['size'])


@pytest.mark.parametrize('changes, message', [
    (dict(attn_cfg=dict(n_head=4)), "attn_cfg must have 'n_mha_win_size'"),
    (dict(attn_cfg=None), "projection must have 'attn_cfg'"),
    (dict(type='TriDetProj'), 'projection.type must be one of'),
    (dict(norm_cfg=dict(type='BN')), 'norm_cfg.type must be one of'),
    (dict(input_pdrop=2.), 'input_pdrop must be a number from 0 to 1'),
])
def test_what_it_does_not_have_is_refused(changes, message):
    with pytest.raises(ConversionError, match=message):
        convert_config(model_dict(**changes))
