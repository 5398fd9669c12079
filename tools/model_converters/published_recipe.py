"""The recipe around a model, from a yaml of the published code."""
COARSE = [0.5 + 0.05 * i for i in range(10)]
#: tIoU thresholds of the published data sets; all others have THUMOS14's.
TIOU_THRESHOLDS = dict(
    anet=COARSE,
    hacs=COARSE,
    fineaction=COARSE,
    epic=[0.1, 0.2, 0.3, 0.4, 0.5],
    ego4d=[0.1, 0.2, 0.3, 0.4, 0.5])
#: Data sets whose loader drops actions that are annotated twice.
DEDUPLICATED = ('anet', 'hacs', 'fineaction')


def settings(reference: dict) -> dict:
    """Settings of ``configs/dyfadet/dyfadet_custom.py``.

    Args:
        reference (dict): The yaml's content.

    Returns:
        dict: Value of every setting.
    """
    data = reference['dataset']
    options = reference.get('opt', {})
    warmup = options.get('warmup_epochs', 5)
    return dict(
        data_root='',
        ann_file=data['json_file'],
        feature_dir=data['feat_folder'],
        train_subset=reference.get('train_split', ['training']),
        val_subset=reference.get('val_split', ['validation']),
        feat_dim=data['input_dim'],
        feat_stride=data['feat_stride'],
        feat_num_frames=data['num_frames'],
        fps=data.get('default_fps'),
        max_seq_len=data.get('max_seq_len', 2304),
        tiou_thresholds=_thresholds(reference),
        batch_size=reference.get('loader', {}).get('batch_size', 2),
        lr=options.get('learning_rate', 1e-3),
        warmup_epochs=warmup,
        max_epochs=warmup + options.get('epochs', 30))


def changes(reference: dict) -> dict:
    """What the settings do not cover, by its place in the config.

    Args:
        reference (dict): The yaml's content.

    Returns:
        dict: Values by dotted key.
    """
    return {**_optimization(reference), **_datasets(reference)}


def _thresholds(reference: dict) -> list:
    """tIoU thresholds by the name of the data set."""
    name = str(reference.get('dataset_name', '')).lower()
    for known, thresholds in TIOU_THRESHOLDS.items():
        if name.startswith(known):
            return [round(x, 2) for x in thresholds]
    return [0.3, 0.4, 0.5, 0.6, 0.7]


def _optimization(reference: dict) -> dict:
    """The schedule."""
    options = reference.get('opt', {})
    clip = reference.get('train_cfg', {}).get('clip_grad_l2norm', -1)
    return {
        'optim_wrapper.optimizer.weight_decay': options.get('weight_decay', 0),
        'optim_wrapper.clip_grad': dict(max_norm=clip) if clip > 0 else None,
        'param_scheduler.1.eta_min': options.get('eta_min', 1e-8)
    }


def _datasets(reference: dict) -> dict:
    """The data."""
    data = reference['dataset']
    name = str(reference.get('dataset_name', '')).lower()
    facts = dict(
        file_prefix=data.get('file_prefix') or '',
        file_suffix=data.get('file_ext', '.npy'),
        remove_duplicates=name.startswith(DEDUPLICATED),
        class_agnostic=data['num_classes'] == 1)
    found: dict = {
        f'{split}_dataloader.dataset.{key}': value
        for split in ('train', 'val', 'test')
        for key, value in facts.items()
    }
    truncate = 'train_dataloader.dataset.pipeline.2.'
    found[truncate + 'trunc_thresh'] = data.get('trunc_thresh', 0.5)
    found[truncate + 'crop_ratio'] = data.get('crop_ratio')
    return found
