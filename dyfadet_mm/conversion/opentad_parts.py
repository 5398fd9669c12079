"""What OpenTAD's one-stage detectors have in common, in our words."""
from typing import Sequence

from .choices import check_choices, complete, read, section_of
from .errors import ConversionError, show

#: What holds where a head says nothing.
HEAD = dict(
    in_channels=None,
    cls_prior_prob=0.01,
    loss_normalizer=100,
    loss_normalizer_momentum=0.9,
    loss_weight=1.,
    loss=dict(),
    center_sample='radius',
    center_sample_radius=1.5,
    label_smoothing=0.,
    filter_similar_gt=True)
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


def read_part(model: dict,
              name: str,
              kind: str,
              defaults: dict,
              required: Sequence[str] = ()) -> dict:
    """One part of the model dict, complete.

    Args:
        model (dict): OpenTAD's model dict.
        name (str): Key of the part.
        kind (str): What its ``type`` may be.
        defaults (dict): Value of every key that may be missing.
        required (Sequence[str]): Further keys. Defaults to ().

    Returns:
        dict: The required keys and those of ``defaults``.

    Raises:
        ConversionError: If it is missing, or of another kind.
    """
    given = model.get(name)
    if not isinstance(given, dict):
        raise ConversionError(
            f'model must have a dict {name!r}, but has {show(given)}')
    section = f'model.{name}'
    check_choices(section, given, type=(kind, None))
    return complete(section, given, defaults, ('type', ), required)


def check_fit(projection: dict, neck: dict, head: dict) -> None:
    """Refuse what our heads do not do, and parts that do not fit together.

    Args:
        projection (dict): Complete.
        neck (dict): Complete.
        head (dict): Complete.

    Raises:
        ConversionError: If a value is something else.
    """
    check_choices(
        'model.rpn_head',
        head,
        center_sample=('radius', 'none'),
        filter_similar_gt=(True, ))
    section = 'model.projection.norm_cfg'
    check_choices(
        section,
        section_of(section, projection['norm_cfg']),
        type=('LN', None))
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


def focal_loss(head: dict) -> dict:
    """The loss of the classes.

    Args:
        head (dict): Complete.

    Returns:
        dict: Of our head.

    Raises:
        ConversionError: If it has other losses.
    """
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


def as_published(projection: dict, head: dict, **more: dict) -> dict:
    """The configuration in the words of the published codes.

    Args:
        projection (dict): Complete.
        head (dict): Complete.
        more (dict): What a detector has besides, by section.

    Returns:
        dict: With ``model`` and ``train_cfg``.
    """
    kernel = read('model.projection.conv_cfg', projection['conv_cfg'],
                  dict(kernel_size=3))['kernel_size']
    model = dict(
        input_dim=projection['in_channels'],
        num_classes=head['num_classes'],
        backbone_arch=projection['arch'],
        regression_range=_points(head)['regression_range'],
        embd_kernel_size=kernel,
        embd_dim=projection['out_channels'],
        embd_with_ln=projection['norm_cfg'] is not None,
        fpn_dim=projection['out_channels'],
        head_dim=head['feat_channels'],
        head_num_layers=head['num_convs'] + 1,
        max_seq_len=projection['max_seq_len'],
        use_abs_pe=projection['use_abs_pe'])
    train = dict(
        center_sample=head['center_sample'],
        center_sample_radius=head['center_sample_radius'],
        loss_weight=head['loss_weight'],
        cls_prior_prob=head['cls_prior_prob'],
        init_loss_norm=head['loss_normalizer'],
        droppath=projection['path_pdrop'],
        label_smoothing=head['label_smoothing'])
    return dict(
        model=dict(model, **more.get('model', {})),
        train_cfg=dict(train, **more.get('train_cfg', {})))


def postprocessor(post: dict, num_classes: int) -> dict:
    """Candidates of the whole pyramid, suppression and voting.

    With one class every valid point is a candidate: scores are 0 on padding
    only.

    Args:
        post (dict): Complete post-processing.
        num_classes (int): Of the head.

    Returns:
        dict: Of our detector.
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


def score_fusion(classifier: dict) -> dict:
    """Fusion with the scores of a video classifier, of all detections.

    Args:
        classifier (dict): ``external_cls`` of the post-processing.

    Returns:
        dict: Of our detector.

    Raises:
        ConversionError: If it is unknown.
    """
    section = 'post_processing.external_cls'
    check_choices(section, classifier, type=tuple(CLASSIFIERS))
    cfg = CLASSIFIERS[classifier['type']]
    given = read(section, classifier, dict(topk=cfg['topk']), ('path', ))
    return dict(
        type='dyfadet_mm.ScoreFusion',
        score_file=given['path'],
        **dict(cfg, topk=given['topk'], max_num=None))
