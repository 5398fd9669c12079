"""The recipe around a model, from a config of OpenTAD.

Data, schedule and thresholds are read. Steps of OpenTAD's pipelines that have
no counterpart in ``configs/dyfadet/dyfadet_custom.py`` are named in a
warning.
"""
from mmengine.logging import print_log

#: Steps that the pipelines of ``dyfadet_custom.py`` stand for.
KNOWN_STEPS = ('LoadFeats', 'ConvertToTensor', 'RandomTrunc', 'Rearrange',
               'Collect')
NEEDED = ('ann_file', 'data_path', 'subset_name', 'feature_stride',
          'offset_frames')


def settings(reference: dict) -> dict:
    """Settings of ``configs/dyfadet/dyfadet_custom.py``.

    Args:
        reference (dict): OpenTAD's config.

    Returns:
        dict: Values by name; what the config does not say keeps its default.

    Raises:
        ValueError: If the config lacks something of its data sets.
    """
    train, val = _dataset(reference, 'train'), _dataset(reference, 'val')
    model = reference['model']['projection']
    schedule = reference.get('scheduler', {})
    loader = reference.get('solver', {}).get('train', {})
    found = dict(
        data_root='',
        ann_file=train['ann_file'],
        feature_dir=train['data_path'],
        train_subset=train['subset_name'],
        val_subset=val['subset_name'],
        feat_dim=model['in_channels'],
        feat_stride=train['feature_stride'] * train.get('sample_stride', 1),
        feat_num_frames=2 * train['offset_frames'],
        fps=train.get('fps'),
        max_seq_len=model.get('max_seq_len', 2304),
        tiou_thresholds=reference.get('evaluation', {}).get('tiou_thresholds'),
        batch_size=loader.get('batch_size'),
        lr=reference.get('optimizer', {}).get('lr'),
        warmup_epochs=schedule.get('warmup_epoch'),
        max_epochs=schedule.get('max_epoch'))
    return {key: value for key, value in found.items() if value is not None}


def changes(reference: dict) -> dict:
    """What the settings do not cover, by its place in the config.

    Args:
        reference (dict): OpenTAD's config.

    Returns:
        dict: Values by dotted key.
    """
    clip = reference.get('solver', {}).get('clip_grad_norm', -1)
    truncation = _steps(reference, 'train').get('RandomTrunc', {})
    truncate = 'train_dataloader.dataset.pipeline.2.'
    found = {
        'optim_wrapper.clip_grad': dict(max_norm=clip) if clip > 0 else None,
        truncate + 'trunc_thresh': truncation.get('trunc_thresh', 0.5),
        truncate + 'crop_ratio': truncation.get('crop_ratio')
    }
    for place, section, key in (('optim_wrapper.optimizer.weight_decay',
                                 'optimizer', 'weight_decay'),
                                ('param_scheduler.1.eta_min', 'scheduler',
                                 'eta_min')):
        if key in reference.get(section, {}):
            found[place] = reference[section][key]
    for ours, theirs in dict(train='train', val='val', test='val').items():
        for key, value in _facts(reference, theirs).items():
            found[f'{ours}_dataloader.dataset.{key}'] = value
    return found


def _facts(reference: dict, split: str) -> dict:
    """Arguments of a data set that are no settings."""
    load = _steps(reference, split).get('LoadFeats', {})
    data = _dataset(reference, split)
    suffix = f"{load.get('suffix', '')}.{load.get('feat_format', 'npy')}"
    return dict(
        # a text file with one name per line
        metainfo=dict(classes=data.get('class_map')),
        file_prefix=load.get('prefix', ''),
        file_suffix=suffix,
        exclude=data.get('block_list') or (),
        class_agnostic=reference['model']['rpn_head']['num_classes'] == 1)


def _dataset(reference: dict, split: str) -> dict:
    """The data set of a split; ``'val'`` is the one that is reported."""
    datasets = reference['dataset']
    data = datasets.get(split) if split == 'train' else datasets.get(
        'test', datasets.get('val'))
    missing = [key for key in NEEDED if key not in (data or {})]
    if missing:
        raise ValueError(f'dataset.{split} of the config must have {NEEDED}, '
                         f'but lacks {missing}')
    return data


def _steps(reference: dict, split: str) -> dict:
    """Steps of a pipeline by their type."""
    pipeline = _dataset(reference, split).get('pipeline', ())
    steps = {step['type']: step for step in pipeline}
    unknown = sorted(set(steps) - set(KNOWN_STEPS))
    if unknown:
        print_log(
            f'steps {unknown} of the {split} pipeline are not converted; add '
            'what they do to the pipeline of the written config',
            logger='current',
            level=30)
    return steps
