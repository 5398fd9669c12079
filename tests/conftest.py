"""Mends before any test imports OpenMMLab's packages, and a clean start."""
import copy
import gc
import importlib
import os
import random
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import pytest
import warm_python
from hypothesis import HealthCheck, settings

#: What takes longest is begun first, or one worker ends long after the other.
LONG = ('test_frames', 'test_export_onnx', 'test_docs', 'test_packaging',
        'test_mim', 'test_config_rules', 'test_ablation', 'test_one_step',
        'test_compare', 'test_killed_training', 'test_graphs',
        'test_train_test', 'test_configure', 'test_check_dataset',
        'test_combinations', 'test_actionformer', 'test_mmaction_scores',
        'test_fast_path', 'test_import_changes_nothing', 'test_configs',
        'test_inferencer', 'test_stream', 'test_gate_watch_hook',
        'test_fuzz_converters', 'test_mmdet_parts', 'test_encoder_extractor',
        'test_killed_from_frames', 'test_digit_videos', 'test_tridet',
        'test_single_stage_tad')


def pytest_addoption(parser):
    parser.addoption(
        '--cases',
        type=int,
        default=100,
        help='wrong inputs per kind of file in tests/test_hostile')


def pytest_configure(config):
    """Start what the workers share, and import only where tests run."""
    os.environ.setdefault('MPLBACKEND', 'agg')
    # a busy machine is no fault of what is tested
    settings.register_profile(
        'busy', deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile('busy')
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


@pytest.fixture(autouse=True, scope='session')
def configs_are_read_once():
    """Keep what the files of ``configs/`` and ``projects/`` hold.

    MMEngine parses a config four times, and writes and removes a file and a
    folder for each of its bases; a test or its runner reads one many times.
    """
    from mmengine.config import Config
    ours = tuple(f'{Path(__file__).parents[1] / name}{os.sep}'
                 for name in ('configs', 'projects'))

    def once(name):
        read = getattr(Config, name)
        read_once = lru_cache(maxsize=None)(read)

        def method(filename, *args, **kwargs):
            path = os.path.abspath(filename)
            if not path.startswith(ours):
                return read(filename, *args, **kwargs)
            return copy.deepcopy(read_once(path, *args, **kwargs))

        return patch.object(Config, name, method)

    with once('_file2dict'), once('_is_lazy_import'), once('_get_base_files'):
        yield


@pytest.fixture(autouse=True, scope='session')
def no_sleep():
    """Go on at once where a loop by iterations sleeps for 2 s.

    MMEngine's does whenever the data begin anew, for the sake of workers.
    """
    with patch('mmengine.runner.loops.time', SimpleNamespace(sleep=int)):
        yield


@pytest.fixture(autouse=True, scope='session')
def rare_garbage():
    """Look for garbage seldom, and not for each data set that is built.

    It is looked for among all that the tests so far have left.
    """
    from mmengine.dataset import base_dataset
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    with patch.object(base_dataset, 'gc', SimpleNamespace(collect=int)):
        yield


@pytest.fixture(autouse=True)
def fixed_seed():
    """Start every test from the same random numbers."""
    import numpy as np
    import torch
    random.seed(0)
    np.random.seed(0)
    # torch.manual_seed formats the stack for each kind of device
    torch.default_generator.manual_seed(0)


@pytest.fixture(autouse=True)
def nothing_kept():
    """Start without what a runner of another test has left.

    MMEngine keeps it by its name for ever: the scope acts on what comes
    later, and a visualizer has figures of thousands of objects.
    """
    from mmengine.registry import DefaultScope
    from mmengine.visualization import Visualizer
    for kind in (DefaultScope, Visualizer, *Visualizer.__subclasses__()):
        kind._instance_dict.clear()


@pytest.fixture(autouse=True)
def plain_config_text():
    """Let configs be logged and saved as they are: yapf takes long.

    Commands of an installed package format them, and so do those with the true
    interpreter and a test that calls ``stop`` of this.
    """
    plain = patch('mmengine.config.config.FormatCode', lambda text, **options:
                  (text, False))
    plain.start()
    yield plain
    plain.stop()
