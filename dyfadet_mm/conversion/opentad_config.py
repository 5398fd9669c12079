"""OpenTAD's model dict of DyFADet as a configuration of ours.

The network is the published one under other names, but for ``OPTIONS``;
candidates are chosen in another way.
"""
import copy
from typing import Optional

from .choices import check_choices, complete, read, section_of
from .errors import ConversionError, show
from .published_config import GATES, convert_published

TYPES = dict(projection='DynEProj', neck='FPNIdentity', rpn_head='TDynHead')
REQUIRED = dict(
    projection=('in_channels', 'out_channels'),
    neck=(),
    rpn_head=('num_classes', 'feat_channels', 'prior_generator'))
#: What holds where the model dict says nothing.
DEFAULTS = dict(
    projection=dict(
        arch=(2, 2, 5),
        conv_cfg=dict(),
        norm_cfg=dict(type='LN'),
        use_abs_pe=False,
        max_seq_len=2304,
        mlp_dim=None,
        encoder_win_size=1,
        k=1.5,
        init_conv_vars=0.,
        path_pdrop=0.1,
        input_noise=0.),
    neck=dict(in_channels=None, out_channels=None, num_levels=None),
    rpn_head=dict(
        in_channels=None,
        num_convs=2,
        head_kernel_size=3,
        dyn_head_cfg=dict(),
        cls_prior_prob=0.01,
        loss_normalizer=100,
        loss_normalizer_momentum=0.9,
        loss_weight=1.,
        loss=dict(),
        center_sample='radius',
        center_sample_radius=1.5,
        label_smoothing=0.,
        filter_similar_gt=True))
#: What OpenTAD's weights expect of our parts.
OPTIONS = dict(
    data_preprocessor=dict(padding='opentad'),
    backbone=dict(norm_cfg=dict(eps=1e-6)),
    neck=dict(norm_cfg=dict(eps=1e-6)),
    head=dict(norm_cfg=dict(eps=1e-6)))
LOSSES = dict(cls_loss='FocalLoss', reg_loss='DIOULoss')
POST_PROCESSING = dict(
    nms=dict(), pre_nms_thresh=0.001, pre_nms_topk=2000, external_cls=None)
NMS = dict(
    use_soft_nms=True,
    sigma=0.5,
    iou_threshold=0.1,
    min_score=0.001,
    max_seg_num=200,
    multiclass=True,
    voting_thresh=0.)
#: How the scores of a video classifier are combined with detections.
CLASSIFIERS = dict(
    StandardClassifier=dict(topk=2, method='sqrt', softmax=False),
    CUHKANETClassifier=dict(topk=2, method='product', softmax=False),
    TCANetHACSClassifier=dict(
        topk=3, method='product', softmax=True, scale=2.))


def convert_opentad(model: dict,
                    post_processing: Optional[dict] = None) -> dict:
    """Convert OpenTAD's configuration of DyFADet.

    Args:
        model (dict): OpenTAD's model dict.
        post_processing (dict, optional): Its post-processing. Defaults to
            None, no voting and suppression as :class:`SegmentPostprocessor`
            has it by default.

    Returns:
        dict: A configuration for ``dyfadet_mm.registry.MODELS.build``.

    Raises:
        ConversionError: If a part or a size is missing, or the dict is of
            another detector, or asks for what our parts do not do.
    """
    model = section_of('model', model)
    check_choices('model', model, type=('DyFADet', None))
    projection, neck, head = (_part(model, name) for name in TYPES)
    _check(projection, neck, head)
    cfg = convert_published(_as_published(projection, head))
    for name, options in copy.deepcopy(OPTIONS).items():
        cfg[name].update(options)
    cfg['head']['loss_normalizer']['momentum'] = head[
        'loss_normalizer_momentum']
    cfg['head']['loss_cls'] = _focal_loss(head)
    post = complete('post_processing', post_processing, POST_PROCESSING,
                    ('save_dict', ))
    cfg['postprocessor'] = _postprocessor(post, head['num_classes'])
    if post['external_cls']:
        cfg['score_fusion'] = _score_fusion(post['external_cls'])
    return cfg


def _part(model: dict, name: str) -> dict:
    """One part of the model dict, complete."""
    given = model.get(name)
    if not isinstance(given, dict):
        raise ConversionError(
            f'model must have a dict {name!r}, but has {show(given)}')
    section = f'model.{name}'
    check_choices(section, given, type=(TYPES[name], None))
    return complete(section, given, DEFAULTS[name], ('type', ), REQUIRED[name])


def _check(projection: dict, neck: dict, head: dict) -> None:
    """Refuse what our parts do not do, and parts that do not fit together."""
    check_choices(
        'model.rpn_head',
        head,
        center_sample=('radius', 'none'),
        filter_similar_gt=(True, ))
    check_choices(
        'model.rpn_head.dyn_head_cfg',
        section_of('model.rpn_head.dyn_head_cfg', head['dyn_head_cfg']),
        type=(*GATES, None))
    points = _points(head)
    width, levels = projection['out_channels'], projection['arch'][2] + 1
    fits = {
        'neck.in_channels': (neck['in_channels'], width),
        'neck.out_channels': (neck['out_channels'], width),
        'neck.num_levels': (neck['num_levels'], levels),
        'rpn_head.in_channels': (head['in_channels'], width),
        'rpn_head.prior_generator.strides':
        (points['strides'], [2**level for level in range(levels)]),
        'number of rpn_head.prior_generator.regression_range':
        (len(points['regression_range']), levels)
    }
    for name, (value, expected) in fits.items():
        if value not in (None, expected):
            raise ConversionError(
                f'model.{name} must be {expected}, which follows from '
                f'model.projection, but got {show(value)}')


def _points(head: dict) -> dict:
    """The points of all levels."""
    section = 'model.rpn_head.prior_generator'
    points = read(section, head['prior_generator'],
                  dict(type=None, strides=None, use_offset=None),
                  ('regression_range', ))
    check_choices(
        section,
        points,
        type=('PointGenerator', None),
        use_offset=(False, None))
    return points


def _focal_loss(head: dict) -> dict:
    """The loss of the classes."""
    section = 'model.rpn_head.loss'
    losses = read(section, head['loss'], dict.fromkeys(LOSSES))
    for key, name in LOSSES.items():
        check_choices(
            f'{section}.{key}',
            section_of(f'{section}.{key}', losses[key]),
            type=(name, None))
    given = complete(f'{section}.cls_loss', losses['cls_loss'],
                     dict(alpha=0.25, gamma=2.), ('type', ))
    return dict(given, type='dyfadet_mm.FocalLoss')


def _as_published(projection: dict, head: dict) -> dict:
    """The configuration in the published code's words."""
    kernel = read('model.projection.conv_cfg', projection['conv_cfg'],
                  dict(kernel_size=3))['kernel_size']
    model = dict(
        input_dim=projection['in_channels'],
        num_classes=head['num_classes'],
        backbone_arch=projection['arch'],
        regression_range=_points(head)['regression_range'],
        n_encoder_win_size=projection['encoder_win_size'],
        embd_kernel_size=kernel,
        embd_dim=projection['out_channels'],
        embd_with_ln=projection['norm_cfg'] is not None,
        fpn_dim=projection['out_channels'],
        head_dim=head['feat_channels'],
        head_kernel_size=head['head_kernel_size'],
        head_num_layers=head['num_convs'] + 1,
        dyn_head=head['dyn_head_cfg'],
        max_seq_len=projection['max_seq_len'],
        use_abs_pe=projection['use_abs_pe'],
        k=projection['k'],
        mlp_dim=projection['mlp_dim'],
        init_conv_vars=projection['init_conv_vars'],
        input_noise=projection['input_noise'])
    train = dict(
        center_sample=head['center_sample'],
        center_sample_radius=head['center_sample_radius'],
        loss_weight=head['loss_weight'],
        cls_prior_prob=head['cls_prior_prob'],
        init_loss_norm=head['loss_normalizer'],
        droppath=projection['path_pdrop'],
        label_smoothing=head['label_smoothing'])
    return dict(model=model, train_cfg=train)


def _postprocessor(post: dict, num_classes: int) -> dict:
    """Candidates of the whole pyramid, suppression and voting.

    With one class every valid point is a candidate: scores are 0 on padding
    only.
    """
    cfg = dict(
        type='dyfadet_mm.SegmentPostprocessor',
        score_thr=post['pre_nms_thresh'] if num_classes > 1 else 0.,
        pre_nms_topk=post['pre_nms_topk'] if num_classes > 1 else None,
        topk_per_level=False,
        min_length=-1.)
    if post['nms'] is None:
        return dict(cfg, nms=None)
    given = complete('post_processing.nms', post['nms'], NMS)
    nms = dict(
        method='gaussian' if given['use_soft_nms'] else 'hard',
        sigma=given['sigma'],
        min_score=given['min_score'],
        max_num=given['max_seg_num'],
        class_wise=given['multiclass'])
    if not given['use_soft_nms']:
        nms['iou_threshold'] = given['iou_threshold']
    return dict(cfg, nms=nms, voting_thr=given['voting_thresh'])


def _score_fusion(classifier: dict) -> dict:
    """Fusion with the scores of a video classifier, of all detections."""
    section = 'post_processing.external_cls'
    check_choices(section, classifier, type=tuple(CLASSIFIERS))
    cfg = CLASSIFIERS[classifier['type']]
    given = read(section, classifier, dict(topk=cfg['topk']), ('path', ))
    return dict(
        type='dyfadet_mm.ScoreFusion',
        score_file=given['path'],
        **dict(cfg, topk=given['topk'], max_num=None))
