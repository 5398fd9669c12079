"""Bring weights of DyFADet, ActionFormer or TriDet here.

    python tools/model_converters/dyfadet_to_mm.py epoch_039.pth.tar \
        thumos_i3d.yaml --out-dir work_dirs/converted

writes ``thumos_i3d.pth`` and ``thumos_i3d.py``, which ``tools/test.py`` runs.
The yaml tells which of the three published codes it belongs to. For OpenTAD's
DyFADet and ActionFormer, on features or trained on frames (AdaTAD), give
OpenTAD's checkpoint and its config, a Python file.
"""
import argparse
import os.path as osp
import re
from contextlib import contextmanager
from typing import Iterator, Optional, Sequence, Tuple

import opentad_frames_recipe
import opentad_recipe
import published_recipe
import torch
from config_text import config_text
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.runner import save_checkpoint
from reference_files import load_reference
from torch.overrides import TorchFunctionMode

import dyfadet_mm
from dyfadet_mm.compat.checkpoint_loader import load_from_local
from dyfadet_mm.conversion import (ConversionError, convert_config,
                                   convert_key, convert_state_dict, is_opentad,
                                   show)
from dyfadet_mm.engine.options import read_by_runner
from dyfadet_mm.fileio.atomic import atomic_path
from dyfadet_mm.registry import MODELS

CONFIGS = osp.join(osp.dirname(osp.abspath(__file__)), '..', '..', 'configs')
FEATURES = 'dyfadet/dyfadet_custom.py'
#: A running mean of the training, which the published codes do not save.
NORMALIZER = 'head.loss_normalizer.value'


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
    checkpoint = load_from_local(path, 'cpu')
    if not isinstance(checkpoint, dict) or not isinstance(
            checkpoint.get(key), dict):
        raise ConversionError(f'{path!r} must hold {key!r}, a dict, but holds '
                              f'{show(checkpoint)}')
    return checkpoint[key]


def make_config(reference: dict) -> Config:
    """Write another code's recipe as one of ours.

    Args:
        reference (dict): See :func:`load_reference`.

    Returns:
        Config: Model, data, schedule and metric.

    Raises:
        ConversionError: If a value is missing or not of its kind, or asks for
            what is not built here.
    """
    recipe, base = published_recipe, FEATURES
    if is_opentad(reference):
        recipe = opentad_recipe
        if reference['model'].get('backbone') is not None:
            recipe = opentad_frames_recipe
            base = recipe.base(reference)
    cfg = Config.fromfile(osp.join(CONFIGS, base))
    cfg.merge_from_dict(recipe.settings(reference))
    # values without the variables that they come from
    cfg = Config({
        key: value
        for key, value in cfg.to_dict().items() if key in read_by_runner()
    })
    cfg.merge_from_dict(recipe.changes(reference))
    cfg.model = convert_config(reference)
    return cfg


def load_model(cfg: dict, weights: dict) -> BaseModel:
    """Build a model and load its weights.

    Args:
        cfg (dict): Of the model.
        weights (dict[str, Tensor]): Under our names.

    Returns:
        BaseModel: The model, without the fusion of scores, which has no
        weights.

    Raises:
        ConversionError: If they do not fit together.
    """
    expected = _shapes(cfg)
    names = expected.keys() | weights.keys()
    if NORMALIZER not in weights:
        names.discard(NORMALIZER)
    wrong = sorted(name for name in names
                   if name not in expected or name not in weights
                   or expected[name] != weights[name].shape)
    if wrong:
        raise ConversionError('the weights must fit the model of the config, '
                              f'but {len(wrong)} do not: {show(wrong)}')
    model = MODELS.build(cfg)
    model.load_state_dict(weights, strict=True)
    return model


def _shapes(cfg: dict) -> dict:
    """Shapes of the weights of a model, which may be of any size."""
    with _WithoutNumbers():
        return {
            f'{part}.{name}': value.shape
            for part in ('encoder', 'backbone', 'neck', 'head') if part in cfg
            for name, value in MODELS.build(cfg[part]).state_dict().items()
        }


class _WithoutNumbers(TorchFunctionMode):
    """Makes weights and tables of positions that take no memory."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in (torch.arange, torch.empty):
            kwargs['device'] = 'meta'
        return func(*args, **kwargs)


@contextmanager
def errors_with(*paths: str) -> Iterator[None]:
    """Name the files that an error is about."""
    try:
        yield
    except (ValueError, TypeError, KeyError) as error:
        text = error.args[0] if isinstance(error, KeyError) else error
        names = ' and '.join(map(repr, paths))
        raise ConversionError(f'{names}: {text}') from error


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
        FileNotFoundError: If there is no such file.
        ValueError: Naming file and key, if they cannot be converted.
    """
    name = osp.splitext(osp.basename(reference))[0]
    outputs = tuple(osp.join(out_dir, name + x) for x in ('.pth', '.py'))
    for path in outputs:
        if osp.exists(path):
            raise FileExistsError(f'{path!r} exists; choose another --out-dir')
    given = load_reference(reference)
    with errors_with(reference):
        cfg = make_config(given)
        text = config_text(cfg)
    weights = load_weights(checkpoint, ema)
    with errors_with(checkpoint):
        converted = convert_state_dict(weights)
    with errors_with(checkpoint, reference):
        model = load_model(cfg.model, converted)
    meta = dict(
        dyfadet_mm_version=dyfadet_mm.__version__,
        source=osp.basename(checkpoint))
    with atomic_path(outputs[0]) as weights_part, atomic_path(
            outputs[1]) as config_part:
        save_checkpoint(
            dict(meta=meta, state_dict=model.state_dict()), weights_part)
        with open(config_part, 'w', encoding='utf-8') as file:
            file.write(text)
    dropped = [name for name in weights if convert_key(name) is None]
    kinds = sorted({re.sub(r'\d+', '#', name) for name in dropped})
    print(
        f'{len(weights) - len(dropped)} tensors converted, {len(dropped)} '
        'left out that no output depends on:',
        *kinds[:50],
        sep='\n  ')
    return outputs


def main(args: Optional[Sequence[str]] = None) -> None:
    """Convert as the command line says."""
    parser = argparse.ArgumentParser(
        description='Convert weights of the published DyFADet, ActionFormer '
        "or TriDet, or of OpenTAD's DyFADet or ActionFormer")
    parser.add_argument('checkpoint', help='the .pth.tar or .pth file')
    parser.add_argument(
        'reference',
        help='the yaml, or the config of OpenTAD, it was trained with; such a '
        'config is Python and is run')
    parser.add_argument(
        '--out-dir', required=True, help='folder for checkpoint and config')
    parser.add_argument(
        '--no-ema',
        action='store_true',
        help='take the raw instead of the averaged weights')
    args = parser.parse_args(args)
    for path in convert(args.checkpoint, args.reference, args.out_dir,
                        not args.no_ema):
        print(path)


if __name__ == '__main__':
    main()
