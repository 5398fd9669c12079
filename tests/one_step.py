"""Train a recipe for one step and test it, as the scripts do it."""
import importlib.util
import json
import os
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

ROOT = Path(__file__).resolve().parents[1]
ONE_STEP = ('train_cfg.max_epochs=1', 'train_dataloader.batch_size=1',
            'train_dataloader.num_workers=0', 'test_dataloader.num_workers=0',
            'train_dataloader.persistent_workers=False',
            'test_dataloader.persistent_workers=False',
            'default_hooks.checkpoint=None')


@contextmanager
def chdir(folder):
    """Work in a folder."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def load_tool(name):
    """Import a script of ``tools/``, which is in no package."""
    spec = importlib.util.spec_from_file_location(f'tool_{name}',
                                                  ROOT / f'tools/{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_one_step(config_path, work_dir, data_folder, options=()):
    """Train and test a recipe in the folder of its data.

    Args:
        config_path (Path): The recipe.
        work_dir (Path): An empty folder for what the run writes.
        data_folder (Path): Has a folder ``data`` that the recipe reads, such
            as ``real_layouts.write`` makes; its training subset has one
            video.
        options (Sequence[str]): What ``--cfg-options`` get besides.

    Returns:
        tuple: The runner, the metrics, and the detections of every video.
    """
    predictions = Path(work_dir) / 'out.json'
    train = load_tool('train')
    args = train.parse_args([
        str(config_path), f'--work-dir={work_dir}', '--no-validate',
        '--seed=0', '--cfg-options', *ONE_STEP, *options
    ])
    cfg = train.merge_args(Config.fromfile(config_path), args)
    load_tool('test').write_predictions(cfg, str(predictions))
    with chdir(data_folder):
        runner = Runner.from_cfg(cfg)
        runner.train()
        metrics = runner.test()
    return runner, metrics, json.loads(predictions.read_text())['results']


def check_one_step(runner, metrics, results, classes=None, best=None):
    """Check what :func:`run_one_step` returns.

    Args:
        runner (Runner): After one step of training.
        metrics (dict): By name.
        results (dict): Detections by video.
        classes (Sequence[str], optional): Names of the data set's classes in
            label order. Defaults to None, not checked.
        best (Sequence[str], optional): Best classes of the test video by
            external scores, best first. Defaults to None.
    """
    assert runner.iter == 1
    for name in ('loss_cls', 'loss_reg', 'grad_norm'):
        value = runner.message_hub.get_scalar(f'train/{name}').current()
        assert 0 < value < 1e4
    assert 'tad/average_mAP' in metrics
    assert all(0 <= value <= 1 for value in metrics.values())
    dataset = runner.test_dataloader.dataset
    videos = map(dataset.get_data_info, range(len(dataset)))
    durations = {info['video_id']: info['duration'] for info in videos}
    assert set(results) == set(durations)
    for video_id, detections in results.items():
        assert detections
        for each in detections:
            start, end = each['segment']
            assert 0 <= start <= end <= durations[video_id]
    if classes is not None:
        assert dataset.metainfo['classes'] == tuple(classes)
    found = {each['label'] for video in results.values() for each in video}
    fusion = runner.model.score_fusion
    if fusion is None:
        assert found <= set(dataset.metainfo['classes'])
    else:
        assert found == set(best[:fusion.topk])
