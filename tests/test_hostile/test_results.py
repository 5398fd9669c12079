"""Results: written first, completely or not at all, each under its name."""
import importlib
import json
import os
import stat
from pathlib import Path

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData

from dyfadet_mm.engine.hooks import TADVisualizationHook, visualization_hook
from dyfadet_mm.evaluation.metrics import (DumpMetric, TADMapMetric,
                                           tad_map_metric)
from dyfadet_mm.fileio import (FileNames, WriteError, atomic_path,
                               check_writable, remove_parts, save_json)
from dyfadet_mm.visualization import TADVisualizer, save_figure

ROOT = Path(__file__).resolve().parents[2]
FULL = '/dev/full'  # a disk without room


class Loop:
    """As much of a runner as the visualization hook asks for."""

    _train_loop = None

    def __init__(self, visualizer):
        self.visualizer = visualizer


def make_sample(video_id, label=0):
    sample = ActionDataSample(
        metainfo=dict(
            video_id=video_id,
            duration=9.,
            gt_segments=torch.tensor([[1., 3.]]),
            gt_labels=torch.tensor([label])))
    sample.pred_instances = InstanceData(
        segments=torch.tensor([[1., 3.]]),
        scores=torch.tensor([0.5]),
        labels=torch.tensor([label]))
    return sample


def no_room(path, *_, **__):
    """Fill a file until the disk is full."""
    with open(path, 'wb') as file:
        file.write(b'half')
    with open(FULL, 'wb') as file:
        file.write(b'rest')


def run_test(samples, out, hook, classes=('jump', )):
    """Test as MMEngine's loop does."""
    metric = TADMapMetric(out_file=str(out))
    evaluator = Evaluator([metric])
    evaluator.dataset_meta = dict(classes=classes)
    visualizer = TADVisualizer()
    visualizer.dataset_meta = dict(classes=classes)
    runner = Loop(visualizer)
    hook.before_test_epoch(runner)
    for index, sample in enumerate(samples):
        evaluator.process([sample], None)
        hook.after_test_iter(runner, index, None, [sample])
    metrics = evaluator.evaluate(len(samples))
    hook.after_test_epoch(runner, metrics)
    return metrics


def test_pictures_come_after_the_results(tmp_path, monkeypatch):
    out, pictures = tmp_path / 'out.json', tmp_path / 'pictures'

    def picture(*_, **__):
        assert len(json.loads(out.read_text())['results']) == 3
        raise KeyboardInterrupt  # or a crash of a library

    monkeypatch.setattr(TADVisualizer, 'add_datasample', picture)
    hook = TADVisualizationHook(enable=True, out_dir=str(pictures))
    samples = [make_sample(video_id) for video_id in 'abc']
    with pytest.raises(KeyboardInterrupt):
        run_test(samples, out, hook)
    assert out.exists()


def test_pictures_come_after_the_checkpoints():
    from mmengine.hooks import CheckpointHook
    from mmengine.runner.priority import get_priority
    assert get_priority(TADVisualizationHook.priority) > get_priority(
        CheckpointHook.priority)


@pytest.mark.parametrize('video_id, label', [('a', '$\\frac$'),
                                             ('x' * 300, 'jump'),
                                             ('../../a', 'jump'),
                                             ('\ud800\0\n', '\ud800$'),
                                             ('', '')])
def test_strange_names_have_a_picture(tmp_path, video_id, label):
    out, pictures = tmp_path / 'out.json', tmp_path / 'pictures'
    hook = TADVisualizationHook(enable=True, out_dir=str(pictures))
    metrics = run_test([make_sample(video_id)], out, hook, (label, ))
    assert metrics['tad/average_mAP'] == 1
    assert len(list(pictures.iterdir())) == 1
    assert sorted(os.listdir(tmp_path)) == ['out.json', 'pictures']


@pytest.fixture
def log(monkeypatch):
    """Lines of the log."""
    lines = []
    for module in (visualization_hook, tad_map_metric):
        monkeypatch.setattr(module, 'print_log',
                            lambda text, *_, **__: lines.append(text))
    return lines


def test_a_full_disk_costs_the_pictures_only(tmp_path, monkeypatch, log):
    from matplotlib.figure import Figure
    out, pictures = tmp_path / 'out.json', tmp_path / 'pictures'
    monkeypatch.setattr(Figure, 'savefig',
                        lambda self, path, **_: no_room(path))
    hook = TADVisualizationHook(enable=True, out_dir=str(pictures))
    run_test([make_sample('a'), make_sample('b')], out, hook)
    assert set(json.loads(out.read_text())['results']) == {'a', 'b'}
    assert list(pictures.iterdir()) == []
    assert ''.join(log).count('No space left on device') == 2


def test_a_full_disk_costs_no_table_and_no_old_file(tmp_path, monkeypatch,
                                                    log):
    out = tmp_path / 'out.json'
    hook = TADVisualizationHook()
    run_test([make_sample('a')], out, hook)
    old = out.read_bytes()
    log.clear()
    monkeypatch.setattr(json, 'dump', lambda _, file, **__: no_room(file.name))
    with pytest.raises(WriteError, match='No space left on device'):
        run_test([make_sample('b')], out, hook)
    assert 'Average precision' in log[0]
    assert out.read_bytes() == old and os.listdir(tmp_path) == ['out.json']


@pytest.mark.parametrize('path', [
    '/proc/nowhere/out.json', '/dev/full', 'folder', 'file/out.json',
    'x' * 300, f'new/{"x" * 300}', 'nul\0', 'x/' * 2100 + 'out.json', 'loop'
])
@pytest.mark.parametrize('name', ['out', 'dump'])
def test_what_cannot_be_written_is_refused_before_the_test(
        tmp_path, monkeypatch, name, path):
    spec = importlib.util.spec_from_file_location('tool_test',
                                                  ROOT / 'tools/test.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'file').write_text('')
    (tmp_path / 'loop').symlink_to('loop')
    before = sorted(tmp_path.rglob('*'))
    cfg = Config(dict(test_evaluator=dict(type='dyfadet_mm.TADMapMetric')))
    with pytest.raises(WriteError, match=f'^--{name} must be one that'):
        (tool.write_predictions if name == 'out' else tool.dump_results)(cfg,
                                                                         path)
    metric = TADMapMetric if name == 'out' else DumpMetric
    with pytest.raises((WriteError, FileExistsError, ValueError)):
        metric(path)
    assert sorted(tmp_path.rglob('*')) == before


def test_read_only_files_are_refused(tmp_path, monkeypatch):
    path = tmp_path / 'out.json'
    path.write_text('old')
    monkeypatch.setattr(os, 'access', lambda *_: False)  # root may write all
    with pytest.raises(WriteError, match='is read-only'):
        check_writable(path)


def test_results_are_complete_or_not_there(tmp_path):
    path = tmp_path / 'new/folder/a.json'
    with pytest.raises(TypeError):
        save_json(path, dict(a=1, b={2}))
    assert os.listdir(path.parent) == []
    save_json(path, [1])
    with pytest.raises(KeyboardInterrupt):
        with atomic_path(path) as part:
            Path(part).write_text('half')
            raise KeyboardInterrupt
    assert os.listdir(path.parent) == ['a.json']
    assert json.loads(path.read_text()) == [1]


def test_permissions_and_links_are_those_of_open(tmp_path):
    expected, path = tmp_path / 'expected', tmp_path / 'a.json'
    expected.write_text('')
    save_json(path, 1)
    assert path.stat().st_mode == expected.stat().st_mode
    path.chmod(0o640)
    link = tmp_path / 'link.json'
    link.symlink_to('a.json')
    save_json(link, 2)
    assert link.is_symlink() and path.read_text() == '2'
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    dangling = tmp_path / 'dangling.json'
    dangling.symlink_to('elsewhere/b.json')
    save_json(dangling, 3)
    assert (tmp_path / 'elsewhere/b.json').read_text() == '3'


def test_what_killed_processes_left_can_be_removed(tmp_path):
    for name in ('epoch_1.pth', 'out.json'):
        pid = os.fork()
        if pid == 0:
            with atomic_path(tmp_path / name) as part:
                Path(part).write_text('half')
                os._exit(9)  # as a kill, it cleans nothing up
        os.waitpid(pid, 0)
    assert len(os.listdir(tmp_path)) == 2
    remove_parts(tmp_path, '*.pth')
    [left] = os.listdir(tmp_path)
    assert left.startswith('.out.json.') and left.endswith('.part')


@pytest.mark.parametrize('ids', [
    ['a/b', 'a_b', 'a b', 'A_B', 'a_b-2', 'a/b-2'],
    ['x' * 300, 'x' * 299, 'x' * 200, 'X' * 300],
    ['\xe9', 'e\u0301', '\xc9', '\u0130', 'i\u0307'],
    ['', '/', '\0', '\ud800', '\udfff'],
])
def test_every_id_has_a_name_of_its_own(tmp_path, ids):
    names = FileNames()
    found = [names(each) for each in ids]
    assert found == [names(each) for each in ids]
    for index, name in enumerate(found):
        assert Path(name).name == name or not name
        with open(tmp_path / f'{name}_{index}.png', 'x'):
            pass
    assert len({name.casefold() for name in found}) == len(ids)


def test_backends_get_names_of_their_own_too(tmp_path):
    visualizer = TADVisualizer(
        vis_backends=[dict(type='LocalVisBackend')], save_dir=str(tmp_path))
    for video_id in ('a/b', 'a_b', 'x' * 300):
        visualizer.add_datasample(video_id, None, make_sample(video_id))
    assert sorted(path.name for path in tmp_path.rglob('*.png')) == [
        'a_b-2_0.png', 'a_b_0.png', 'x' * 200 + '_0.png'
    ]


@pytest.mark.parametrize('name, start', [('a.png', b'\x89PNG'),
                                         ('a.PDF', b'%PDF'), ('a', b'\x89PNG'),
                                         ('x' * 240 + '.svg', b'<?xml')])
def test_the_suffix_says_the_format(tmp_path, name, start):
    from matplotlib.figure import Figure
    save_figure(Figure(), tmp_path / 'new' / name)
    [path] = (tmp_path / 'new').iterdir()
    assert path.name == name and path.read_bytes().startswith(start)


def test_comparisons_may_have_any_label(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / 'tools/analysis_tools'))
    tables = importlib.import_module('compare_tables')
    result = dict(seed=0, best=dict(metrics=dict(mAP=0.5)), train_seconds=1.)
    rows = [
        tables.Row(label, 'best', [result], None)
        for label in ('$\\frac$', '_hidden', '\u8df3')
    ]
    tables.write_report(rows, 'note', [], tmp_path)
    assert sorted(os.listdir(tmp_path)) == [
        'comparison.csv', 'comparison.md', 'comparison.png'
    ]
