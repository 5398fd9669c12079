"""The recipe around a model, from a yaml of one of the published codes.

Those are DyFADet's, ActionFormer's and TriDet's.
"""
from typing import Any, List

from dyfadet_mm.conversion import detector_name, read

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
#: Readers of other files than ``.npy``.
READERS = {'.npz': dict(type='NpzReader', key='feats')}
#: What the section ``dataset`` must have, and what holds where a section says
#: nothing.
NEEDED = ('json_file', 'feat_folder', 'input_dim', 'num_classes',
          'feat_stride', 'num_frames')
DATASET = dict(
    file_prefix=None,
    file_ext='.npy',
    default_fps=None,
    max_seq_len=2304,
    trunc_thresh=0.5,
    crop_ratio=None,
    force_upsampling=False)
OPTIONS = dict(
    learning_rate=1e-3,
    warmup_epochs=5,
    epochs=30,
    weight_decay=0,
    eta_min=1e-8)
SUBSETS = dict(train_split=['training'], val_split=['validation'])


def settings(reference: dict) -> dict:
    """Settings of ``configs/dyfadet/dyfadet_custom.py``.

    Args:
        reference (dict): The yaml's content.

    Returns:
        dict: Value of every setting.

    Raises:
        ConversionError: If a value is missing or not of its kind.
    """
    data, options = _data(reference), _options(reference)
    subsets = read('yaml', reference, SUBSETS)
    loader = read('loader', reference.get('loader'), dict(batch_size=2))
    warmup = options['warmup_epochs']
    return dict(
        data_root='',
        ann_file=data['json_file'],
        feature_dir=_as_list(data['feat_folder'])[0],
        train_subset=subsets['train_split'],
        val_subset=subsets['val_split'],
        feat_dim=sum(_as_list(data['input_dim'])),
        feat_stride=data['feat_stride'],
        feat_num_frames=data['num_frames'],
        fps=data['default_fps'],
        max_seq_len=data['max_seq_len'],
        tiou_thresholds=_thresholds(reference),
        batch_size=loader['batch_size'],
        lr=options['learning_rate'],
        warmup_epochs=warmup,
        max_epochs=warmup + options['epochs'])


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
    name = _name(reference)
    for known, thresholds in TIOU_THRESHOLDS.items():
        if name.startswith(known):
            return [round(x, 2) for x in thresholds]
    return [0.3, 0.4, 0.5, 0.6, 0.7]


def _optimization(reference: dict) -> dict:
    """The schedule."""
    options = _options(reference)
    clip = read('train_cfg', reference.get('train_cfg'),
                dict(clip_grad_l2norm=-1))['clip_grad_l2norm']
    return {
        'optim_wrapper.optimizer.weight_decay': options['weight_decay'],
        'optim_wrapper.clip_grad': dict(max_norm=clip) if clip > 0 else None,
        'param_scheduler.1.eta_min': options['eta_min']
    }


def _datasets(reference: dict) -> dict:
    """The data."""
    found: dict = {
        f'{split}_dataloader.dataset.{key}': value
        for split in ('train', 'val', 'test')
        for key, value in _facts(reference).items()
    }
    load, train = _load_steps(reference), _train_steps(reference)
    for split, steps in dict(train=train, val=[], test=[]).items():
        found[f'{split}_dataloader.dataset.pipeline'] = [
            *load,
            dict(type='SecondsToGrid'), *steps,
            dict(type='PackTADInputs')
        ]
    return found


def _facts(reference: dict) -> dict:
    """Arguments of a data set that are no settings."""
    data = _data(reference)
    return dict(
        data_prefix=dict(_delete_=True, **_folders(data)),
        file_prefix=data['file_prefix'] or '',
        file_suffix=data['file_ext'],
        remove_duplicates=_name(reference).startswith(DEDUPLICATED),
        class_agnostic=data['num_classes'] == 1)


def _load_steps(reference: dict) -> List[dict]:
    """Steps that make the features, in training and in testing."""
    data = _data(reference)
    folders, dims = _folders(data), _as_list(data['input_dim'])
    length = data['max_seq_len']
    if len(dims) != len(folders):  # only their sum is known
        dims = [None] * len(folders)
    reader = READERS.get(data['file_ext'])
    loaders = [
        dict(type='LoadFeatures', reader=reader, source=source, feat_dim=dim)
        for source, dim in zip(folders, dims)
    ]
    steps = loaders
    if len(loaders) > 1:
        steps = [dict(type='ConcatFeatures', align=None, loaders=loaders)]
    if data['force_upsampling']:
        steps = [*steps, dict(type='ResizeFeatures', length=length)]
    if _name(reference).startswith('fineaction'):
        steps = [*steps, dict(type='SubsampleFeatures', max_len=length)]
    return steps


def _train_steps(reference: dict) -> List[dict]:
    """Steps of the training alone."""
    data, name = _data(reference), _name(reference)
    share = data['trunc_thresh']
    truncate = dict(
        type='RandomTruncate',
        max_seq_len=data['max_seq_len'],
        trunc_thresh=share,
        crop_ratio=data['crop_ratio'])
    if detector_name(reference) == 'ActionFormer':
        truncate['margin'] = 'half_window'
    if name.startswith('anet'):
        clip = dict(type='ClipActions', margin='half_window', min_share=share)
        return [clip, truncate]
    if name.startswith('hacs'):
        return [dict(type='ClipActions'), truncate]
    return [truncate]


def _data(reference: dict) -> dict:
    """The section of the data."""
    return read('dataset', reference['dataset'], DATASET, NEEDED)


def _options(reference: dict) -> dict:
    """The section of the schedule."""
    return read('opt', reference.get('opt'), OPTIONS)


def _folders(data: dict) -> dict:
    """Folders of the features by the name of their source."""
    folders = _as_list(data['feat_folder'])
    if len(folders) == 1:
        return dict(feats=folders[0])
    return {f'feats{i}': folder for i, folder in enumerate(folders)}


def _name(reference: dict) -> str:
    """Name of the data set in lower case."""
    given = read('yaml', reference, dict(dataset_name=''))
    return given['dataset_name'].lower()


def _as_list(value: Any) -> list:
    """One value or several."""
    return list(value) if isinstance(value, (list, tuple)) else [value]
