"""The recipe around a model, from a config of OpenTAD.

Data, schedule and thresholds are read. Steps of OpenTAD's pipelines that have
no counterpart in ``configs/dyfadet/dyfadet_custom.py`` are named in a
warning.
"""
from typing import Any

from mmengine.logging import print_log

from dyfadet_mm.conversion import read, show

#: Steps that the pipelines of ``dyfadet_custom.py`` stand for.
KNOWN_STEPS = ('LoadFeats', 'ConvertToTensor', 'RandomTrunc', 'Rearrange',
               'Collect')
NEEDED = ('ann_file', 'data_path', 'subset_name', 'feature_stride',
          'offset_frames')
DATASET = dict(sample_stride=1, fps=None, class_map=None, block_list=None)


def settings(reference: dict) -> dict:
    """Settings of ``configs/dyfadet/dyfadet_custom.py``.

    Args:
        reference (dict): OpenTAD's config.

    Returns:
        dict: Values by name; what the config does not say keeps its default.

    Raises:
        ConversionError: If the config lacks something of its data sets, or a
            value is not of its kind.
    """
    train, val = _dataset(reference, 'train'), _dataset(reference, 'val')
    found = dict(
        shared_settings(reference, train, val),
        feature_dir=train['data_path'],
        feat_stride=train['feature_stride'] * train['sample_stride'],
        feat_num_frames=2 * train['offset_frames'])
    return {key: value for key, value in found.items() if value is not None}


def shared_settings(reference: dict, train: dict, val: dict) -> dict:
    """Settings of all recipes.

    Args:
        reference (dict): OpenTAD's config.
        train (dict): Its training set.
        val (dict): The data set that is reported.

    Returns:
        dict: Values by name, None of what the config does not say.
    """
    projection = read('model.projection', reference['model']['projection'],
                      dict(max_seq_len=2304), ('in_channels', ))
    schedule = read('scheduler', reference.get('scheduler'),
                    dict(warmup_epoch=None, max_epoch=None))
    solver = read('solver', reference.get('solver'), dict(train=None))
    loader = read('solver.train', solver['train'], dict(batch_size=None))
    metric = read('evaluation', reference.get('evaluation'),
                  dict(tiou_thresholds=None))
    optimizer = read('optimizer', reference.get('optimizer'), dict(lr=None))
    return dict(
        data_root='',
        ann_file=train['ann_file'],
        train_subset=train['subset_name'],
        val_subset=val['subset_name'],
        feat_dim=projection['in_channels'],
        fps=train['fps'],
        max_seq_len=projection['max_seq_len'],
        tiou_thresholds=metric['tiou_thresholds'],
        batch_size=loader['batch_size'],
        lr=optimizer['lr'],
        warmup_epochs=schedule['warmup_epoch'],
        max_epochs=schedule['max_epoch'])


def changes(reference: dict) -> dict:
    """What the settings do not cover, by its place in the config.

    Args:
        reference (dict): OpenTAD's config.

    Returns:
        dict: Values by dotted key.
    """
    truncation = read('RandomTrunc',
                      _steps(reference, 'train').get('RandomTrunc'),
                      dict(trunc_thresh=0.5, crop_ratio=None))
    truncate = 'train_dataloader.dataset.pipeline.2.'
    found = {
        **changes_of_training(reference), truncate + 'trunc_thresh':
        truncation['trunc_thresh'],
        truncate + 'crop_ratio':
        truncation['crop_ratio']
    }
    for ours, theirs in dict(train='train', val='val', test='val').items():
        for key, value in _facts(reference, theirs).items():
            found[f'{ours}_dataloader.dataset.{key}'] = value
    return found


def changes_of_training(reference: dict) -> dict:
    """What the settings do not cover of optimizer and schedule; see above."""
    clip = read('solver', reference.get('solver'),
                dict(clip_grad_norm=-1))['clip_grad_norm']
    found = {
        'optim_wrapper.clip_grad': dict(max_norm=clip) if clip > 0 else None
    }
    for place, section, key in (('optim_wrapper.optimizer.weight_decay',
                                 'optimizer', 'weight_decay'),
                                ('param_scheduler.1.eta_min', 'scheduler',
                                 'eta_min')):
        value = read(section, reference.get(section), {key: None})[key]
        if value is not None:
            found[place] = value
    return found


def _facts(reference: dict, split: str) -> dict:
    """Arguments of a data set that are no settings."""
    load = read('LoadFeats',
                _steps(reference, split).get('LoadFeats'),
                dict(prefix='', suffix='', feat_format='npy'))
    return dict(
        facts(reference, _dataset(reference, split)),
        file_prefix=load['prefix'],
        file_suffix=f"{load['suffix']}.{load['feat_format']}")


def facts(reference: dict, data: dict) -> dict:
    """Arguments of any data set that are no settings.

    Args:
        reference (dict): OpenTAD's config.
        data (dict): Its data set.

    Returns:
        dict: Values by name.
    """
    head = read('model.rpn_head', reference['model'].get('rpn_head'), {},
                ('num_classes', ))
    return dict(
        # a text file with one name per line
        metainfo=dict(classes=data['class_map']),
        exclude=data['block_list'] or (),
        class_agnostic=head['num_classes'] == 1)


def _dataset(reference: dict, split: str) -> dict:
    """The data set of a split; ``'val'`` is the one that is reported."""
    return read(f'dataset.{split}', dataset_of(reference, split), DATASET,
                NEEDED)


def dataset_of(reference: dict, split: str) -> Any:
    """What the config says of a data set.

    Args:
        reference (dict): OpenTAD's config.
        split (str): ``'train'``, or ``'val'``, the one that is reported.

    Returns:
        dict, optional: As it stands there.
    """
    given = read('dataset', reference['dataset'],
                 dict(train=None, val=None, test=None))
    if split == 'train' or given['test'] is None:
        return given[split]
    return given['test']


def _steps(reference: dict, split: str) -> dict:
    """Steps of a pipeline by their type."""
    section = f'dataset.{split}'
    pipeline = read(section, dataset_of(reference, split),
                    dict(pipeline=()))['pipeline']
    steps = {
        read(f'{section}.pipeline', step, {}, ('type', ))['type']: step
        for step in pipeline
    }
    unknown = sorted(set(steps) - set(KNOWN_STEPS))
    if unknown:
        print_log(
            f'steps {show(unknown)} of the {split} pipeline are not converted;'
            ' add what they do to the pipeline of the written config',
            logger='current',
            level=30)
    return steps
