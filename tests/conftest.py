"""Mends before any test imports OpenMMLab's packages, and a clean start."""
import importlib
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

import dyfadet_mm  # noqa: F401


def pytest_addoption(parser):
    parser.addoption(
        '--cases',
        type=int,
        default=100,
        help='wrong inputs per kind of file in tests/test_hostile')


@pytest.fixture(autouse=True)
def fixed_seed():
    """Start every test from the same random numbers."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def no_default_scope():
    """Start without the scope that a runner of another test has left."""
    DefaultScope._instance_dict.clear()


@pytest.fixture(scope='session')
def plain():
    """The plain models, scripts that import each other, as a module."""
    folder = Path(__file__).resolve().parents[1] / 'tools/analysis_tools'
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        return importlib.import_module('plain_dyfadet')
