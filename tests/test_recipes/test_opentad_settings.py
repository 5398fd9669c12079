"""OpenTAD's model dicts convert to the recipes of its variant."""
import pytest
from settings import RANGES, load_recipe, published_settings
from spelled_out import comparable

from dyfadet_mm.conversion import convert_config

SETTINGS = published_settings()
# recipe, the published setting it is a variant of, and OpenTAD's classifier
VARIANTS = [
    ('dyfadet-opentad_videomaev2-g_1xb2-45e_thumos14',
     'dyfadet_videomaev2-g_1xb2-60e_thumos14', None),
    ('dyfadet-opentad_tsp_1xb8-16e_activitynet',
     'dyfadet_tsp_1xb8-15e_activitynet', 'StandardClassifier'),
    ('dyfadet-opentad_slowfast_1xb8-14e_hacs',
     'dyfadet_slowfast_1xb8-11e_hacs', 'TCANetHACSClassifier'),
    ('dyfadet-opentad_videomaev2-g_1xb8-16e_fineaction',
     'dyfadet_videomaev2-g_1xb8-16e_fineaction', 'StandardClassifier'),
]


def opentad_config(s, classifier):
    """OpenTAD's configuration of a published setting."""
    ranges = RANGES[s['ranges']]
    post = dict(
        pre_nms_thresh=0.001,
        pre_nms_topk=2000,
        nms=dict(
            use_soft_nms=True,
            sigma=s['sigma'],
            max_seg_num=s['max_num'],
            min_score=0.001,
            multiclass=bool(s['class_wise']),
            voting_thresh=s['voting']))
    if classifier is not None:
        post['external_cls'] = dict(type=classifier, path='scores.json')
    return dict(
        model=dict(
            type='DyFADet',
            projection=dict(
                type='DynEProj',
                in_channels=s['feat_dim'],
                out_channels=s['width'],
                arch=(2, 2, s['branch']),
                use_abs_pe=bool(s['abs_pe']),
                max_seq_len=s['max_seq_len'],
                mlp_dim=s['mlp'],
                encoder_win_size=s['window'],
                k=s['k'],
                init_conv_vars=s['conv_std'],
                path_pdrop=0.1,
                input_noise=s['noise']),
            neck=dict(
                type='FPNIdentity',
                in_channels=s['width'],
                out_channels=s['width'],
                num_levels=len(ranges)),
            rpn_head=dict(
                type='TDynHead',
                num_classes=s['classes'],
                in_channels=s['width'],
                feat_channels=s['head_width'],
                num_convs=2,
                head_kernel_size=s['head_kernel'],
                dyn_head_cfg=dict(
                    tau=1.5, init_gate=1.0, type='GeReTanH', dyn_type='c'),
                cls_prior_prob=0.01,
                prior_generator=dict(
                    type='PointGenerator',
                    strides=[2**level for level in range(len(ranges))],
                    regression_range=ranges),
                loss_normalizer=s['loss_norm'],
                loss_normalizer_momentum=0.9,
                center_sample='radius',
                center_sample_radius=1.5,
                label_smoothing=s['smoothing'],
                loss=dict(
                    cls_loss=dict(type='FocalLoss'),
                    reg_loss=dict(type='DIOULoss')))),
        post_processing=post)


@pytest.mark.parametrize('name, published, classifier', VARIANTS)
def test_recipe_is_what_opentad_builds(name, published, classifier):
    recipe = load_recipe(name).model.to_dict()
    theirs = convert_config(opentad_config(SETTINGS[published], classifier))
    if classifier is not None:
        recipe['score_fusion']['score_file'] = 'scores.json'
    assert comparable(recipe) == comparable(theirs)
