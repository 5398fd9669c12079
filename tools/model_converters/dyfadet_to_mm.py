"""Bring weights of DyFADet, ActionFormer or TriDet here.

    python tools/model_converters/dyfadet_to_mm.py epoch_039.pth.tar \
        thumos_i3d.yaml --out-dir work_dirs/converted

writes ``thumos_i3d.pth`` and ``thumos_i3d.py``, which ``tools/test.py`` runs.
The yaml tells which of the three published codes it belongs to. For OpenTAD's
DyFADet, give OpenTAD's checkpoint and its config, a Python file.
"""
import argparse
import os
import os.path as osp
import pickle
import re
from typing import Tuple

import opentad_recipe
import published_recipe
import torch
import yaml
from mmengine.config import Config
from mmengine.runner import save_checkpoint

import dyfadet_mm
from dyfadet_mm.conversion import (convert_config, convert_key,
                                   convert_state_dict, is_opentad)
from dyfadet_mm.engine.options import read_by_runner
from dyfadet_mm.registry import MODELS

BASE_CONFIG = osp.join(
    osp.dirname(osp.abspath(__file__)), '..', '..', 'configs', 'dyfadet',
    'dyfadet_custom.py')


def load_weights(path: str, ema: bool = True) -> dict:
    """Read the weights of a checkpoint of one of the codes.

    Args:
        path (str): The ``.pth.tar`` or ``.pth`` file.
        ema (bool): Whether to take the averaged weights, the ones that all
            codes evaluate. Defaults to True.

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
    """Read a yaml of a published code or a config of OpenTAD.

    Args:
        path (str): The yaml file, or OpenTAD's Python file, which is run as
            every config of OpenMMLab is.

    Returns:
        dict: Its content.

    Raises:
        ValueError: If a section is missing.
    """
    if path.endswith('.py'):
        reference = Config.fromfile(path).to_dict()
    else:
        with open(path, encoding='utf-8') as file:
            reference = yaml.safe_load(file)
    for section in ('dataset', 'model'):
        if not isinstance(reference, dict) or section not in reference:
            raise ValueError(f'{path!r} must be a yaml of a published code '
                             'or a config of OpenTAD, with a section '
                             f'{section!r}')
    return reference


def make_config(reference: dict) -> Config:
    """Write another code's recipe as one of ours.

    Args:
        reference (dict): See :func:`load_reference`.

    Returns:
        Config: Model, data, schedule and metric.
    """
    recipe = opentad_recipe if is_opentad(reference) else published_recipe
    cfg = Config.fromfile(BASE_CONFIG)
    cfg.merge_from_dict(recipe.settings(reference))
    # values without the variables that they come from
    cfg = Config({
        key: value
        for key, value in cfg.to_dict().items() if key in read_by_runner()
    })
    cfg.merge_from_dict(recipe.changes(reference))
    cfg.model = convert_config(reference)
    return cfg


def convert(checkpoint: str,
            reference: str,
            out_dir: str,
            ema: bool = True) -> Tuple[str, str]:
    """Convert a checkpoint and its configuration.

    Args:
        checkpoint (str): The ``.pth.tar`` or ``.pth`` file.
        reference (str): See :func:`load_reference`.
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
    kinds = sorted({re.sub(r'\d+', '#', name) for name in dropped})
    print(
        f'{len(weights) - len(dropped)} tensors converted, {len(dropped)} '
        'left out that no output depends on:',
        *kinds,
        sep='\n  ')
    return outputs


def main() -> None:
    """Convert as the command line says."""
    parser = argparse.ArgumentParser(
        description='Convert weights of the published DyFADet, ActionFormer '
        "or TriDet, or of OpenTAD's DyFADet")
    parser.add_argument('checkpoint', help='the .pth.tar or .pth file')
    parser.add_argument(
        'reference',
        help='the yaml, or the config of OpenTAD, it was trained with')
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
