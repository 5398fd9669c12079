import importlib.util
import json
import os.path as osp
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dyfadet_mm.datasets import TADDataset

SCRIPT = osp.join(
    osp.dirname(__file__), '../../tools/dataset_converters/digit_streams.py')
CLEAN = dict(noise=0., occlusion=0., missing=0., mixing=0.)


@pytest.fixture(scope='module')
def tool():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location('digit_streams', SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def clean(tool, tmp_path_factory):
    """A data set without corruption: (features, entry) by stream."""
    out = tmp_path_factory.mktemp('digits') / 'clean'
    settings = tool.Settings(train=6, val=6, **CLEAN)
    assert tool.make_data_set(str(out), settings)
    return _read(out)


def _read(out):
    database = json.loads((out / 'annotations.json').read_text())['database']
    return {
        name: (np.load(out / 'features' / f'{name}.npy'), entry)
        for name, entry in database.items()
    }


def _digits(tool):
    """Digit and index of every scan, by its 64 values in float16."""
    scans, labels = tool.load_scans()
    rows = scans.reshape(len(scans), 64).astype(np.float16)
    return {row.tobytes(): (labels[i], i) for i, row in enumerate(rows)}


def _contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob('*')) if path.is_file()
    }


def test_same_settings_give_the_same_bytes(tool, tmp_path):
    for name, seed in (('a', 3), ('b', 3), ('c', 4)):
        settings = tool.Settings(train=3, val=2, seed=seed)
        assert tool.make_data_set(str(tmp_path / name), settings)
    first, second, other = (_contents(tmp_path / name) for name in 'abc')
    assert first == second and len(first) == 6
    assert all(first[name] != other.get(name) for name in first)


def test_scans_are_divided_completely(tool):
    _, labels = tool.load_scans()
    pools = tool.split_scans(labels, seed=0)
    found = {k: np.concatenate(v) for k, v in pools.items()}
    assert not np.intersect1d(found['training'], found['validation']).size
    everything = np.concatenate(list(found.values()))
    assert sorted(everything) == list(range(1797))
    for digit, pool in enumerate(pools['training']):
        assert (labels[pool] == digit).all()
        assert len(pool) == (labels == digit).sum() * 2 // 3


def test_training_and_validation_show_different_scans(tool, clean):
    lookup = _digits(tool)
    used = dict(training=set(), validation=set())
    for feats, entry in clean.values():
        used[entry['subset']].update(lookup[row.tobytes()][1] for row in feats)
    assert not used['training'] & used['validation']
    assert min(map(len, used.values())) > 200


def test_actions_are_runs_and_background_is_not(tool, clean):
    lookup = _digits(tool)
    for feats, entry in clean.values():
        seen = [lookup[row.tobytes()] for row in feats]
        digits = np.array([digit for digit, _ in seen])
        background = np.ones(len(feats), bool)
        for action in entry['annotations']:
            start, end = map(int, action['segment'])
            assert (digits[start:end] == action['label_id']).all()
            assert action['label'] == f'digit {action["label_id"]}'
            assert 0 < start < end <= len(feats)
            assert digits[start - 1] != action['label_id']
            assert end == len(feats) or digits[end] != action['label_id']
            scans = [index for _, index in seen[start:end]]
            assert len(set(scans)) >= min(end - start, 58)  # least pool
            assert background[start - 1:end].all()  # actions never touch
            background[start:end] = False
        runs = background[2:] & background[1:-1] & background[:-2]
        same = (digits[2:] == digits[1:-1]) & (digits[1:-1] == digits[:-2])
        assert runs.any() and not (runs & same).any()


def test_action_lengths_span_all_pyramid_levels(tool):
    lengths = []
    for seed in range(60):
        rng = np.random.RandomState(seed)
        num_cells, actions = tool.draw_actions(rng, tool.Settings())
        assert 128 <= num_cells <= 256
        lengths += [end - start for start, end, _ in actions]
    assert 4 <= min(lengths) and max(lengths) <= 128
    counts, _ = np.histogram(lengths, [4, 8, 16, 32, 64, 129])
    assert counts.min() > 0.1 * len(lengths)


@pytest.mark.parametrize('strength', ['noise', 'occlusion', 'mixing'])
def test_every_corruption_changes_cells(tool, strength):
    frames, others = np.ones((200, 8, 8)), np.zeros((200, 8, 8))
    settings = tool.Settings(**dict(CLEAN, **{strength: 0.5}))
    out = tool.corrupt(np.random.RandomState(0), frames, others, settings)
    changed = (out != frames).any(axis=(1, 2)).mean()
    assert changed == 1 if strength == 'noise' else 0.4 < changed < 0.6
    assert (frames == 1).all() and (others == 0).all()


def test_missing_cells_are_zero(tool):
    frames = np.ones((200, 8, 8))
    settings = tool.Settings(**dict(CLEAN, missing=0.3))
    out = tool.corrupt(np.random.RandomState(0), frames, frames, settings)
    assert 0.2 < (out == 0).all(axis=(1, 2)).mean() < 0.4
    assert set(np.unique(out)) == {0, 1}


def test_a_complete_data_set_is_left_alone(tool, tmp_path):
    settings = tool.Settings(train=2, val=1)
    assert tool.make_data_set(str(tmp_path / 'out'), settings)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob('*')}
    assert not tool.make_data_set(str(tmp_path / 'out'), settings)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob('*')} == before


def test_an_empty_folder_is_filled(tool, tmp_path):
    assert tool.make_data_set(str(tmp_path), tool.Settings(train=1, val=1))
    assert len(_read(tmp_path)) == 2


def _foreign_file(out):
    out.mkdir()
    (out / 'notes.txt').write_text('mine')


def _foreign_annotations(out):
    out.mkdir()
    (out / 'annotations.json').write_text('{"database": {}}')


def _plain_file(out):
    out.write_text('mine')


@pytest.mark.parametrize('make',
                         [_foreign_file, _foreign_annotations, _plain_file])
def test_foreign_files_are_never_overwritten(tool, tmp_path, make):
    out = tmp_path / 'out'
    make(out)
    before = _contents(tmp_path)
    with pytest.raises(FileExistsError, match='got other files; choose') as e:
        tool.make_data_set(str(out), tool.Settings(train=1, val=1))
    assert str(out) in str(e.value)
    assert _contents(tmp_path) == before


def test_other_settings_and_lost_files_are_named(tool, tmp_path):
    out = tmp_path / 'out'
    settings = tool.Settings(train=2, val=1)
    tool.make_data_set(str(out), settings)
    with pytest.raises(FileExistsError, match="made with .*'noise': 0.1"):
        tool.make_data_set(str(out), settings._replace(noise=0.1))
    (out / 'features' / 'train_0001.npy').unlink()
    with pytest.raises(FileExistsError, match="lost 1 of 3, .*'train_0001'"):
        tool.make_data_set(str(out), settings)


def test_a_failed_run_leaves_nothing(tool, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'sklearn.datasets', None)
    with pytest.raises(ImportError, match='pip install scikit-learn'):
        tool.make_data_set(str(tmp_path / 'out'), tool.Settings())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('options, words', [
    (dict(train=-1), 'train must be at least 0'),
    (dict(missing=1.5), r'missing must be in \[0, 1\]'),
    (dict(noise=-1.), 'noise must be at least 0'),
    (dict(shortest=9, longest=8), 'shortest must be at most longest'),
    (dict(min_cells=9, max_cells=8), 'min_cells must be at most max_cells'),
])
def test_impossible_settings_are_refused(tool, tmp_path, options, words):
    with pytest.raises(ValueError, match=words):
        tool.make_data_set(str(tmp_path / 'out'), tool.Settings(**options))


def test_the_command_writes_what_a_dataset_reads(tmp_path):
    out = tmp_path / 'data' / 'digit_streams'
    command = [
        sys.executable, SCRIPT, '--out',
        str(out), '--train', '3', '--val', '2', '--min-cells', '200'
    ]
    printed = subprocess.run(
        command, check=True, capture_output=True, text=True).stdout
    assert f'written to {out}' in printed
    printed = subprocess.run(
        command, check=True, capture_output=True, text=True).stdout
    assert 'complete' in printed
    assert [p.name for p in Path(out.parent).iterdir()] == ['digit_streams']
    dataset = TADDataset(
        ann_file='annotations.json',
        subset='validation',
        data_root=str(out),
        data_prefix=dict(feats='features'),
        feat_stride=1,
        feat_num_frames=1,
        pipeline=[
            dict(type='dyfadet_mm.LoadFeatures', feat_dim=64),
            dict(type='dyfadet_mm.SecondsToGrid')
        ])
    assert len(dataset) == 2
    assert len(dataset.metainfo['classes']) <= 10
    results = dataset[0]
    assert len(results['feats']) == results['duration'] >= 200
    # an action on the cells a, .., b - 1 covers exactly these cells
    assert ((results['segments'] + 0.5) % 1 == 0).all()
    assert np.array_equal(results['segments'] + 0.5, results['segments_s'])
