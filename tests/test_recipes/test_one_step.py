"""Every recipe trains one step and tests one video, as the scripts do it.

Sizes are those of the recipes. Each runs in the folder of data sets that are
laid out like the real ones, so that the paths of the recipes count as well.
"""
import importlib.util
import json

import pytest
from mmengine.config import Config
from mmengine.runner import Runner
from real_layouts import write
from settings import CONFIGS, ROOT

# the demo and the recipe for own data are trained by the tests of the tools
RECIPES = sorted(
    path.stem for path in CONFIGS.glob('*.py')
    if not path.stem.endswith(('digit-streams', 'custom')))
ONE_STEP = [
    'train_cfg.max_epochs=1', 'train_dataloader.batch_size=1',
    'train_dataloader.num_workers=0', 'test_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
    'test_dataloader.persistent_workers=False', 'default_hooks.checkpoint=None'
]


def load_tool(name):
    """Import a script, which is in no package."""
    spec = importlib.util.spec_from_file_location(f'recipe_{name}',
                                                  ROOT / f'tools/{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Folder with all data sets, and what is known of them."""
    folder = tmp_path_factory.mktemp('recipes')
    return folder, write(folder)


@pytest.fixture
def run(data, monkeypatch, tmp_path):
    """Train and test a recipe; returns the runner, metrics, detections."""
    monkeypatch.chdir(data[0])

    def run_recipe(name):
        train, path = load_tool('train'), CONFIGS / f'{name}.py'
        args = train.parse_args([
            str(path), f'--work-dir={tmp_path}', '--no-validate', '--seed=0',
            '--cfg-options', *ONE_STEP
        ])
        cfg = train.merge_args(Config.fromfile(path), args)
        load_tool('test').write_predictions(cfg, str(tmp_path / 'out.json'))
        runner = Runner.from_cfg(cfg)
        runner.train()
        metrics = runner.test()
        results = json.loads((tmp_path / 'out.json').read_text())['results']
        return runner, metrics, results

    return run_recipe


@pytest.mark.parametrize('name', RECIPES)
def test_recipe_trains_and_tests_one_step(name, run, data):
    runner, metrics, results = run(name)
    assert runner.iter == 1
    for name in ('loss_cls', 'loss_reg', 'grad_norm'):
        value = runner.message_hub.get_scalar(f'train/{name}').current()
        assert 0 < value < 1e4
    assert 'tad/average_mAP' in metrics
    assert all(0 <= value <= 1 for value in metrics.values())
    dataset = runner.test_dataloader.dataset
    durations = {
        dataset.get_data_info(i)['video_id']:
        dataset.get_data_info(i)['duration']
        for i in range(len(dataset))
    }
    assert set(results) == set(durations)
    for video_id, detections in results.items():
        assert detections
        for each in detections:
            start, end = each['segment']
            assert 0 <= start <= end <= durations[video_id]
    check_labels(runner, results, *data[1][dataset.data_root.split('/')[1]])


def check_labels(runner, results, classes, best):
    """Labels are those of the files, or of external scores."""
    dataset, fusion = runner.test_dataloader.dataset, runner.model.score_fusion
    if classes is not None:
        assert dataset.metainfo['classes'] == tuple(classes)
    found = {each['label'] for video in results.values() for each in video}
    if fusion is None:
        assert found <= set(dataset.metainfo['classes'])
    else:
        assert found == set(best[:fusion.topk])
