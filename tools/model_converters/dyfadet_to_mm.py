"""Bring weights of the published DyFADet code here.

    python tools/model_converters/dyfadet_to_mm.py epoch_039.pth.tar \
        thumos_i3d.yaml --out-dir work_dirs/converted

writes ``<name of the yaml>.pth`` and ``<name of the yaml>.py``, which
``tools/test.py`` runs.
"""
import argparse
import os
import os.path as osp
import pickle
from typing import Tuple

import torch
import yaml
from mmengine.config import Config
from mmengine.runner import save_checkpoint

import dyfadet_mm
from dyfadet_mm.conversion import (convert_config, convert_key,
                                   convert_state_dict)
from dyfadet_mm.engine.settings import bind_settings
from dyfadet_mm.registry import MODELS

BASE_CONFIG = osp.join(
    osp.dirname(osp.abspath(__file__)), '..', '..', 'configs', 'dyfadet',
    'dyfadet_custom.py')
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


def load_weights(path: str, ema: bool = True) -> dict:
    """Read the weights of a published checkpoint.

    Args:
        path (str): The ``.pth.tar`` file.
        ema (bool): Whether to take the averaged weights, the ones that the
            published code evaluates. Defaults to True.

    Returns:
        dict[str, Tensor]: The state dict.

    Raises:
        ValueError: If the file is no such checkpoint.
    """
    key = 'state_dict_ema' if ema else 'state_dict'
    try:
        checkpoint = torch.load(path, map_location='cpu', weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f'{path!r} must be a checkpoint that holds tensors '
                         f'only, but could not be read: {reason}') from error
    if not isinstance(checkpoint, dict) or key not in checkpoint:
        found = sorted(checkpoint) if isinstance(checkpoint,
                                                 dict) else type(checkpoint)
        raise ValueError(f'{path!r} must hold {key!r}, but holds {found}')
    return checkpoint[key]


def load_reference(path: str) -> dict:
    """Read a yaml of the published code.

    Args:
        path (str): The yaml file.

    Returns:
        dict: Its content.

    Raises:
        ValueError: If a section is missing.
    """
    with open(path, encoding='utf-8') as file:
        reference = yaml.safe_load(file)
    for section in ('dataset', 'model'):
        if not isinstance(reference, dict) or section not in reference:
            raise ValueError(f'{path!r} must be a yaml of the published code '
                             f'with a section {section!r}')
    return reference


def make_config(reference: dict) -> Config:
    """Write the recipe of a yaml as one of ours.

    Args:
        reference (dict): The yaml's content.

    Returns:
        Config: Model, data, schedule and metric.
    """
    data = reference['dataset']
    options = reference.get('opt', {})
    warmup = options.get('warmup_epochs', 5)
    cfg = Config.fromfile(BASE_CONFIG)
    settings = dict(
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
    cfg.merge_from_dict(settings)
    bind_settings(cfg)
    for name in ('bindings', 'width', 'num_classes', 'classes', *settings):
        cfg.pop(name, None)
    cfg.merge_from_dict(_optimization(reference, options))
    cfg.merge_from_dict(_datasets(reference, data))
    cfg.model = convert_config(reference)
    return cfg


def _thresholds(reference: dict) -> list:
    """tIoU thresholds by the name of the data set."""
    name = str(reference.get('dataset_name', '')).lower()
    for known, thresholds in TIOU_THRESHOLDS.items():
        if name.startswith(known):
            return [round(x, 2) for x in thresholds]
    return [0.3, 0.4, 0.5, 0.6, 0.7]


def _optimization(reference: dict, options: dict) -> dict:
    """What the settings of the base config do not cover of the schedule."""
    clip = reference.get('train_cfg', {}).get('clip_grad_l2norm', -1)
    return {
        'optim_wrapper.optimizer.weight_decay': options.get('weight_decay', 0),
        'optim_wrapper.clip_grad': dict(max_norm=clip) if clip > 0 else None,
        'param_scheduler.1.eta_min': options.get('eta_min', 1e-8)
    }


def _datasets(reference: dict, data: dict) -> dict:
    """What the settings of the base config do not cover of the data."""
    name = str(reference.get('dataset_name', '')).lower()
    facts = dict(
        file_prefix=data.get('file_prefix') or '',
        file_suffix=data.get('file_ext', '.npy'),
        remove_duplicates=name.startswith(DEDUPLICATED),
        class_agnostic=data['num_classes'] == 1)
    changes: dict = {
        f'{split}_dataloader.dataset.{key}': value
        for split in ('train', 'val', 'test')
        for key, value in facts.items()
    }
    truncate = 'train_dataloader.dataset.pipeline.2.'
    changes[truncate + 'trunc_thresh'] = data.get('trunc_thresh', 0.5)
    changes[truncate + 'crop_ratio'] = data.get('crop_ratio')
    return changes


def convert(checkpoint: str,
            reference: str,
            out_dir: str,
            ema: bool = True) -> Tuple[str, str]:
    """Convert a checkpoint and its yaml.

    Args:
        checkpoint (str): The ``.pth.tar`` file.
        reference (str): The yaml file.
        out_dir (str): Where to write.
        ema (bool): Whether to take the averaged weights. Defaults to True.

    Returns:
        tuple[str, str]: Paths of our checkpoint and config.

    Raises:
        FileExistsError: If one of them exists already.
    """
    name = osp.splitext(osp.basename(reference))[0]
    outputs = tuple(osp.join(out_dir, name + x) for x in ('.pth', '.py'))
    for path in outputs:
        if osp.exists(path):
            raise FileExistsError(f'{path!r} exists; choose another --out-dir')
    cfg = make_config(load_reference(reference))
    weights = load_weights(checkpoint, ema)
    model = MODELS.build(cfg.model)
    model.load_state_dict(convert_state_dict(weights), strict=True)
    os.makedirs(out_dir, exist_ok=True)
    meta = dict(
        dyfadet_mm_version=dyfadet_mm.__version__,
        source=osp.basename(checkpoint))
    save_checkpoint(dict(meta=meta, state_dict=model.state_dict()), outputs[0])
    cfg.dump(outputs[1])
    dropped = [name for name in weights if convert_key(name) is None]
    print(f'{len(weights) - len(dropped)} tensors converted, {len(dropped)} '
          'left out that no output depends on')
    return outputs


def main() -> None:
    """Convert as the command line says."""
    parser = argparse.ArgumentParser(
        description='Convert weights of the published DyFADet code')
    parser.add_argument('checkpoint', help='the .pth.tar file')
    parser.add_argument('reference', help='the yaml it was trained with')
    parser.add_argument(
        '--out-dir', required=True, help='folder for checkpoint and config')
    parser.add_argument(
        '--no-ema',
        action='store_true',
        help='take the raw instead of the averaged weights')
    args = parser.parse_args()
    for path in convert(args.checkpoint, args.reference, args.out_dir,
                        not args.no_ema):
        print(path)


if __name__ == '__main__':
    main()
