import pytest
import torch

from dyfadet_mm.conversion import convert_config
from dyfadet_mm.models import ConvBackbone, ConvHead, SGPBackbone, TridentHead
from dyfadet_mm.registry import MODELS

TINY = dict(
    input_dim=6,
    num_classes=3,
    n_sgp_win_size=1,
    backbone_arch=(2, 1, 2),
    regression_range=[(0, 4), (4, 8), (8, 10000)],
    embd_dim=16,
    fpn_dim=16,
    head_dim=16,
    sgp_mlp_dim=8,
    max_seq_len=16)


def convert(model=(), train_cfg=(), test_cfg=()):
    return convert_config(
        dict(
            model=dict(TINY, **dict(model)),
            train_cfg=dict(train_cfg),
            test_cfg=dict(test_cfg)))


def test_every_setting_reaches_its_part():
    model = MODELS.build(
        convert(
            dict(
                n_sgp_win_size=3,
                k=1.2,
                init_conv_vars=0.3,
                input_noise=0.2,
                downsample_type='avg',
                num_bins=7,
                boudary_kernel_size=1,
                head_kernel_size=5,
                iou_weight_power=0.5,
                use_abs_pe=True), dict(droppath=0.3, head_empty_cls=[1]),
            dict(multiclass_nms=False, voting_thresh=0.9)))
    assert isinstance(model.backbone, SGPBackbone)
    layer = model.backbone.branch[0]
    assert layer.window.kernel_size == (3, )
    assert layer.wide.kernel_size == (5, ) and layer.init_std == 0.3
    assert layer.drop_path_out.drop_prob == 0.3
    assert layer.mlp[0].out_channels == 8 and layer.downsample is not None
    assert model.backbone.position.max_seq_len == 16
    assert model.data_preprocessor.size_divisor == 3 * 4
    assert model.data_preprocessor.input_noise == 0.2
    head = model.head
    assert isinstance(head, TridentHead)
    assert head.conv_reg.out_channels == 2 * 8
    assert head.conv_reg.kernel_size == (5, )
    assert head.conv_start.kernel_size == (1, )
    assert head.iou_weight_power == 0.5 and head.empty_classes == [1]
    post = model.postprocessor
    assert post.voting_thr == 0.9 and not post.voting_by_iou


def test_windows_may_differ_between_levels():
    """The first counts for the padding only, at level 0."""
    cfg = convert(dict(n_sgp_win_size=[25, 3, 5]))
    model = MODELS.build(cfg)
    sizes = [x.window.kernel_size[0] for x in model.backbone.branch]
    assert sizes == [3, 5]
    assert cfg['data_preprocessor']['size_divisor'] == max(25, 2 * 3, 4 * 5)


def test_without_trident_the_head_is_that_of_actionformer():
    head = MODELS.build(convert(dict(use_trident_head=False))).head
    assert type(head) is ConvHead and head.reg_weight == 'points'


def test_encoder_may_be_convolutions():
    model = MODELS.build(convert(dict(backbone_type='conv', use_abs_pe=True)))
    assert isinstance(model.backbone, ConvBackbone)
    assert model.backbone.position is None


def test_external_scores_stay_as_they_are():
    fusion = convert(test_cfg=dict(ext_score_file='a.json'))['score_fusion']
    assert fusion['score_file'] == 'a.json' and fusion['softmax'] is False


def test_converted_models_run():
    model = MODELS.build(convert()).eval()
    with torch.no_grad():
        outputs = model(torch.randn(1, 6, 16))
    assert [x[0].shape[1] for x in outputs] == [3, 2 * 17, 3, 3]


@pytest.mark.parametrize('wrong, message', [
    (dict(n_sgp_win_size=4), 'n_sgp_win_size must be one odd .* got 4'),
    (dict(n_sgp_win_size=[1, 3]), r'one number or 3, .* got \[1, 3\]'),
    (dict(downsample_type='min'), "downsample_type must be .* got 'min'"),
    (dict(backbone_type='DynE'), "backbone_type must be .* got 'DynE'"),
])
def test_what_tridet_cannot_build_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        convert(wrong)
