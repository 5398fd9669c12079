"""The recipe around a model that reads frames, from a config of OpenTAD.

Data, sizes of frames, schedule and rates are read. The augmentation is that
of the recipes in ``configs/e2e``; further steps are named in a warning.
"""
from typing import Any, List, Optional

from mmengine.logging import print_log
from opentad_recipe import (changes_of_training, dataset_of, facts,
                            shared_settings)

from dyfadet_mm.conversion import ConversionError, read, show

#: Recipes of which the data are cut or spread likewise.
CROPPED = 'e2e/actionformer_videomae-s_768x1-160px_1xb2-60e_thumos14.py'
SPREAD = 'e2e/actionformer_videomae-s_192x4-160px_4xb4-15e_activitynet.py'
#: Steps that the pipelines of these recipes stand for.
KNOWN_STEPS = ('PrepareVideoInfo', 'mmaction.DecordInit', 'LoadFrames',
               'mmaction.DecordDecode', 'mmaction.Resize',
               'mmaction.RandomResizedCrop', 'mmaction.CenterCrop',
               'mmaction.Flip', 'mmaction.ColorJitter', 'mmaction.FormatShape',
               'ConvertToTensor', 'Collect')
METHODS = ('random_trunc', 'sliding_window', 'resize')
NEEDED = ('ann_file', 'data_path', 'subset_name')
DATASET = dict(
    feature_stride=None,
    sample_stride=1,
    fps=None,
    class_map=None,
    block_list=None)


def base(reference: dict) -> str:
    """The recipe that is changed.

    Args:
        reference (dict): OpenTAD's config.

    Returns:
        str: Path below ``configs/``.

    Raises:
        ConversionError: If frames are chosen in another way.
    """
    method = _step(reference, 'train', 'LoadFrames', method='resize')['method']
    if method not in METHODS:
        raise ConversionError('LoadFrames.method must be one of '
                              f'{METHODS}, but got {show(method)}')
    return SPREAD if method == 'resize' else CROPPED


def settings(reference: dict) -> dict:
    """Settings of the recipe.

    Args:
        reference (dict): OpenTAD's config.

    Returns:
        dict: Values by name; what the config does not say keeps its default.

    Raises:
        ConversionError: If the config lacks something of its data sets, or a
            value is not of its kind.
    """
    train, val = _dataset(reference, 'train'), _dataset(reference, 'val')
    head = read('model.rpn_head', reference['model'].get('rpn_head'), {},
                ('num_classes', ))
    frames = _step(
        reference, 'train', 'LoadFrames', scale_factor=1, trunc_thresh=None)
    size = _step(
        reference, 'val', 'mmaction.CenterCrop', crop_size=None)['crop_size']
    stride = train['feature_stride']
    found = shared_settings(reference, train, val)
    found.update(
        video_dir=train['data_path'],
        num_classes=head['num_classes'],
        feat_stride=None if stride is None else stride *
        train['sample_stride'],
        frames_per_cell=frames['scale_factor'],
        image_size=size and (size, size),
        train_scale=_scale(reference, 'train'),
        test_scale=_scale(reference, 'val'),
        trunc_thresh=frames['trunc_thresh'],
        adapter_lr_mult=_rate_of_adapters(reference, found['lr']))
    return {key: value for key, value in found.items() if value is not None}


def changes(reference: dict) -> dict:
    """What the settings do not cover, by its place in the config.

    Args:
        reference (dict): OpenTAD's config.

    Returns:
        dict: Values by dotted key.
    """
    found = changes_of_training(reference)
    max_epoch = read('scheduler', reference.get('scheduler'),
                     dict(max_epoch=None))['max_epoch']
    if max_epoch is not None:
        found['train_cfg.max_epochs'] = max_epoch
    last = read('workflow', reference.get('workflow'),
                dict(end_epoch=None, val_start_epoch=None))
    for place, key in (('train_cfg.max_epochs', 'end_epoch'),
                       ('train_cfg.val_begin', 'val_start_epoch')):
        if last[key]:
            found[place] = last[key]
    for ours, theirs in dict(train='train', val='val', test='val').items():
        for key, value in _facts(reference, theirs).items():
            found[f'{ours}_dataloader.dataset.{key}'] = value
    unknown = sorted({
        read('pipeline', step, {}, ('type', ))['type']
        for split in ('train', 'val')
        for step in _pipeline(reference, split)
    } - set(KNOWN_STEPS))
    if unknown:
        print_log(
            f'steps {show(unknown)} of the pipelines are not converted; add '
            'what they do to the pipelines of the written config',
            logger='current',
            level=30)
    return found


def _facts(reference: dict, split: str) -> dict:
    """Arguments of a data set that are no settings."""
    data = _dataset(reference, split)
    video = _step(
        reference, split, 'PrepareVideoInfo', format='mp4', prefix='')
    return dict(
        facts(reference, data),
        file_prefix=video['prefix'],
        file_suffix=f".{video['format']}")


def _rate_of_adapters(reference: dict, lr: Optional[float]) -> Any:
    """Their learning rate in terms of the detector's."""
    optimizer = read('optimizer', reference.get('optimizer'),
                     dict(backbone=None))
    groups = (optimizer['backbone'] or {}).get('custom') or ()
    if not lr or not isinstance(groups, (list, tuple)) or len(groups) != 1:
        return None
    rate = read('optimizer.backbone.custom', groups[0], dict(lr=None))['lr']
    return None if rate is None else rate / lr


def _scale(reference: dict, split: str) -> Any:
    """Size to which frames are brought first."""
    scale = _step(reference, split, 'mmaction.Resize', scale=None)['scale']
    return scale and tuple(scale)


def _dataset(reference: dict, split: str) -> dict:
    """The data set of a split; ``'val'`` is the one that is reported."""
    return read(f'dataset.{split}', dataset_of(reference, split), DATASET,
                NEEDED)


def _pipeline(reference: dict, split: str) -> List[dict]:
    """Steps of a data set."""
    return read(f'dataset.{split}', dataset_of(reference, split),
                dict(pipeline=()))['pipeline']


def _step(reference: dict, split: str, kind: str, **defaults: Any) -> dict:
    """Arguments of the first step of a kind, or what holds without any."""
    for step in _pipeline(reference, split):
        if (step or {}).get('type') == kind:
            return read(kind, step, defaults)
    return defaults
