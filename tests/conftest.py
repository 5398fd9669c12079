"""Mends before any test imports OpenMMLab's packages, and a clean start."""
import gc
import importlib
import os
import random

import pytest
import warm_python

#: What takes longest is begun first, or one worker ends long after the other.
LONG = ('test_mim', 'test_one_step', 'test_combinations', 'test_config_rules',
        'test_ablation', 'test_killed_training', 'test_packaging',
        'test_fuzz_annotations', 'test_compare', 'test_check_dataset',
        'test_fuzz_converters', 'test_docs', 'test_golden_parity',
        'test_opentad_parity', 'test_train_test')


def pytest_addoption(parser):
    parser.addoption(
        '--cases',
        type=int,
        default=100,
        help='wrong inputs per kind of file in tests/test_hostile')


def pytest_configure(config):
    """Start what the workers share, and import only where tests run."""
    os.environ.setdefault('MPLBACKEND', 'agg')
    worker = hasattr(config, 'workerinput')
    if not worker:
        server = warm_python.start()
        config.add_cleanup(lambda: warm_python.stop(server))
    if worker or config.getoption('dist', 'no') == 'no':
        warm_python.use()
        importlib.import_module('dyfadet_mm')


def pytest_collection_modifyitems(items):
    """Put the long files first, in the order above."""
    rank = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(LONG)))


def pytest_collection_finish():
    """Leave what lasts to the end out of every collection of garbage.

    MMEngine's data sets collect it, and modules and tests are most of it.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def fixed_seed():
    """Start every test from the same random numbers."""
    import numpy as np
    import torch
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def no_default_scope():
    """Start without the scope that a runner of another test has left."""
    from mmengine.registry import DefaultScope
    DefaultScope._instance_dict.clear()
