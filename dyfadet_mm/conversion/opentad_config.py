"""OpenTAD's model dicts as configurations of ours.

The networks are the published ones under other names, but for ``DYFADET``
and ``ACTIONFORMER``; candidates are chosen in another way.
"""
import copy
from typing import List, Optional, Sequence, Tuple

from .actionformer_config import convert_actionformer
from .choices import check_choices, complete, read, section_of
from .opentad_encoder import convert_encoder
from .opentad_parts import (HEAD, POST_PROCESSING, as_published, check_fit,
                            focal_loss, postprocessor, read_part, score_fusion)
from .published_config import GATES, convert_published

_PROJECTION = dict(
    arch=(2, 2, 5),
    conv_cfg=dict(),
    norm_cfg=dict(type='LN'),
    use_abs_pe=False,
    max_seq_len=2304,
    path_pdrop=0.1)
#: What holds where a part says nothing, by its type.
DEFAULTS = dict(
    DynEProj=dict(
        _PROJECTION,
        mlp_dim=None,
        encoder_win_size=1,
        k=1.5,
        init_conv_vars=0.,
        input_noise=0.),
    TDynHead=dict(HEAD, num_convs=2, head_kernel_size=3, dyn_head_cfg=dict()),
    Conv1DTransformerProj=dict(_PROJECTION, path_pdrop=0., input_pdrop=0.),
    ActionFormerHead=dict(HEAD, num_convs=3),
    FPNIdentity=dict(in_channels=None, out_channels=None, num_levels=None))
WIDTHS = ('in_channels', 'out_channels')
HEAD_REQUIRED = ('num_classes', 'feat_channels', 'prior_generator')
#: What OpenTAD's weights expect of our parts.
DYFADET = dict(
    data_preprocessor=dict(padding='opentad'),
    backbone=dict(norm_cfg=dict(eps=1e-6)),
    neck=dict(norm_cfg=dict(eps=1e-6)),
    head=dict(norm_cfg=dict(eps=1e-6)))
ACTIONFORMER = dict(
    data_preprocessor=dict(padding='masked'),
    backbone=dict(embed_norm_cfg=dict(eps=1e-6)),
    neck=dict(norm_cfg=dict(eps=1e-6)),
    head=dict(norm_cfg=dict(eps=1e-6)))


def convert_opentad(model: dict,
                    post_processing: Optional[dict] = None,
                    dataset: Optional[dict] = None) -> dict:
    """Convert OpenTAD's configuration of DyFADet or ActionFormer.

    Args:
        model (dict): OpenTAD's model dict; with ``backbone``, the detector
            takes frames.
        post_processing (dict, optional): Its post-processing. Defaults to
            None, no voting and suppression as :class:`SegmentPostprocessor`
            has it by default.
        dataset (dict, optional): Its data sets, which tell whether videos are
            cut into windows for testing. Defaults to None, they are not.

    Returns:
        dict: A configuration for ``dyfadet_mm.registry.MODELS.build``.

    Raises:
        ConversionError: If a part or a size is missing, or the dict is of
            another detector, or asks for what our parts do not do.
    """
    model = section_of('model', model)
    check_choices('model', model, type=('DyFADet', 'ActionFormer', None))
    is_actionformer = model.get('type') == 'ActionFormer'
    cfg, head = (_actionformer if is_actionformer else _dyfadet)(model)
    cfg['head']['loss_normalizer']['momentum'] = head[
        'loss_normalizer_momentum']
    cfg['head']['loss_cls'] = focal_loss(head)
    post = complete('post_processing', post_processing, POST_PROCESSING,
                    ('save_dict', 'sliding_window'))
    cfg['postprocessor'] = postprocessor(post, head['num_classes'])
    if post['external_cls']:
        cfg['score_fusion'] = score_fusion(post['external_cls'])
    if model.get('backbone') is not None:
        cfg['encoder'], colours = convert_encoder(
            model['backbone'], cfg['backbone']['in_channels'],
            cfg['data_preprocessor']['max_seq_len'])
        cfg['data_preprocessor'].update(colours)
        if _spreads(dataset):
            cfg['head']['point_offset'] = -0.5
    return dict(cfg, **_window(dataset))


def _dyfadet(model: dict) -> Tuple[dict, dict]:
    """DyFADet, and the head as OpenTAD has it, complete."""
    projection, _, head = _parts(model, 'DynEProj', 'TDynHead')
    section = 'model.rpn_head.dyn_head_cfg'
    check_choices(
        section,
        section_of(section, head['dyn_head_cfg']),
        type=(*GATES, None))
    own = dict(
        n_encoder_win_size=projection['encoder_win_size'],
        head_kernel_size=head['head_kernel_size'],
        dyn_head=head['dyn_head_cfg'],
        k=projection['k'],
        mlp_dim=projection['mlp_dim'],
        init_conv_vars=projection['init_conv_vars'],
        input_noise=projection['input_noise'])
    cfg = convert_published(as_published(projection, head, model=own))
    return _with_options(cfg, DYFADET), head


def _actionformer(model: dict) -> Tuple[dict, dict]:
    """ActionFormer, likewise."""
    projection, _, head = _parts(model, 'Conv1DTransformerProj',
                                 'ActionFormerHead', ('attn_cfg', ))
    section = 'model.projection.attn_cfg'
    attention = read(section, projection['attn_cfg'], {},
                     ('n_head', 'n_mha_win_size'))
    dropout = read('model.projection.conv_cfg', projection['conv_cfg'],
                   dict(proj_pdrop=0.))['proj_pdrop']
    cfg = convert_actionformer(
        as_published(
            projection, head, model=attention,
            train_cfg=dict(dropout=dropout)))
    cfg['data_preprocessor']['channel_dropout'] = projection['input_pdrop']
    return _with_options(cfg, ACTIONFORMER), head


def _parts(model: dict,
           projection: str,
           head: str,
           required: Sequence[str] = ()) -> List[dict]:
    """Projection, neck and head of these types, complete."""
    parts = [
        read_part(model, name, kind, DEFAULTS[kind], keys)
        for name, kind, keys in (('projection', projection,
                                  (*WIDTHS, *required)), ('neck',
                                                          'FPNIdentity', ()),
                                 ('rpn_head', head, HEAD_REQUIRED))
    ]
    check_fit(*parts)
    return parts


def _with_options(cfg: dict, options: dict) -> dict:
    """Give parts further arguments."""
    for name, arguments in copy.deepcopy(options).items():
        cfg[name].update(arguments)
    return cfg


def _spreads(dataset: Optional[dict]) -> bool:
    """Whether all videos have as many cells.

    OpenTAD then has a point where a cell begins, half a cell before the
    frames that it shows.
    """
    train = read('dataset', dataset, dict(train=None))['train']
    length = read('dataset.train', train, dict(resize_length=None))
    return length['resize_length'] is not None


def _window(dataset: Optional[dict]) -> dict:
    """``window`` of the detector, or nothing."""
    given = read('dataset', dataset, dict(test=None, val=None))
    split = 'val' if given['test'] is None else 'test'
    test = read(f'dataset.{split}', given[split],
                dict(window_size=None, window_overlap_ratio=0.25))
    if test['window_size'] is None:
        return dict()
    return dict(
        window=dict(
            size=test['window_size'], overlap=test['window_overlap_ratio']))
