"""Recipes, and the settings that the published code has for them.

``test_recipes/published_settings.csv`` has a row per published yaml. Ego4D's
two do not build; their rows hold what the recipes put in the place of unknown
options.
"""
import csv
from contextlib import contextmanager
from functools import wraps
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch.overrides import TorchFunctionMode

from dyfadet_mm.models.frame_encoders import frame_encoder, memory
from dyfadet_mm.registry import MODELS

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = ROOT / 'configs/dyfadet'
RANGES = dict(
    A=[(0, 4), (4, 8), (8, 16), (16, 32), (32, 64), (64, 10000)],
    B=[(0, 4), (2, 8), (4, 16), (8, 32), (16, 64), (32, 10000)],
    C=[(0, 4), (4, 8), (8, 16), (16, 32), (32, 64), (64, 128), (128, 10000)],
    D=[(0, 4), (2, 8), (4, 16), (8, 32), (16, 64), (32, 128), (64, 10000)],
    E=[(0, 4), (2, 8), (4, 16), (8, 32), (16, 64), (32, 128), (64, 256),
       (128, 10000)])


def number(text):
    """A cell of the table; None where the yaml has no value."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text or None


def published_settings():
    """Settings by the name of a recipe."""
    with open(ROOT / 'tests/test_recipes/published_settings.csv') as file:
        return {
            row['recipe']: {
                key: number(text)
                for key, text in row.items()
            }
            for row in csv.DictReader(file)
        }


def load_recipe(name):
    """The config of a recipe."""
    return Config.fromfile(CONFIGS / f'{name}.py')


def build_without_memory(model):
    """Build a model whose weights hold no numbers."""
    with DefaultScope.overwrite_default_scope('dyfadet_mm'):
        with without_numbers():
            return MODELS.build(model)


@contextmanager
def without_numbers():
    """Weights of models that are built take no memory, and are not drawn."""
    with pytest.MonkeyPatch.context() as patch:
        for layer in (torch.nn.Linear, torch.nn.modules.conv._ConvNd):
            patch.setattr(layer, 'reset_parameters', lambda self: None)
        with torch.device('meta'), _Rates():
            yield


@pytest.fixture(scope='module')
def measured_once():
    """Recipes share frame encoders, whose channels and memory take long."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ('count_channels', 'measure'):
            patch.setattr(memory, name, _once(getattr(memory, name)))
        patch.setattr(frame_encoder, 'count_channels', memory.count_channels)
        yield


def _once(function):
    """Call a function once for all encoders that are built alike."""
    results = {}

    @wraps(function)
    def wrapper(encoder, *args):
        settings = {
            name: value
            for name, value in vars(encoder).items() if name[0] != '_'
        }
        key = f'{encoder} {settings} {args}'
        if key not in results:
            results[key] = function(encoder, *args)
        return results[key]

    return wrapper


class _Rates(TorchFunctionMode):
    """Keeps what MMAction2 reads while it builds a transformer."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func is torch.linspace:
            kwargs['device'] = 'cpu'
        return func(*args, **kwargs)
