"""Score files of strangers."""
import collections
import io
import json
import os
import pickle

import numpy as np
import pytest
import torch
from data_cases import RAW, spoil_json
from harness import check_case, seeds
from mutators import mutate_bytes, mutate_value

from dyfadet_mm.fileio.score_files import load_scores
from dyfadet_mm.registry import TASK_UTILS

CLASSES = ['run', 'jump']
RESULTS = {'v0': [.9, .1], 'v1': [[.3, .7]], 'v2': [0, 1]}


def fuse(path, videos=('v0', 'v1')):
    """Load and bind scores as a detector does."""
    fusion = TASK_UTILS.build(
        dict(type='dyfadet_mm.ScoreFusion', score_file=str(path)))
    fusion.bind(CLASSES, videos)
    return [fusion.class_scores(video) for video in videos]


def npy():
    file = io.BytesIO()
    np.save(file, np.full((1574, 101), 0.5, np.float32))
    return file.getvalue()


def test_mutated_json(tmp_path, num_cases):
    path, counts = tmp_path / 'scores.json', []
    path.write_text(json.dumps(RESULTS))
    fuse(path)  # PyTorch makes a folder of its own at the first time
    for rng in seeds('scores', num_cases):
        path.write_bytes(
            spoil_json(rng, dict(results=RESULTS, classes=CLASSES)))
        error = check_case(lambda: fuse(path), tmp_path, ['scores.json'])
        counts.append(error is not None)
    assert num_cases < 100 or 0.3 < np.mean(counts) < 0.99


def test_mutated_pickles(tmp_path, num_cases):
    path = tmp_path / 'scores.pkl'
    right = dict(
        v0=np.array([.9, .1], np.float32),
        v1=torch.tensor([.3, .7]),
        v2=[0, 1])
    for rng in seeds('pickles', num_cases):
        if rng.random() < 0.5:
            content = pickle.dumps(
                dict(results=mutate_value(rng, RESULTS, 2)),
                rng.randrange(2, 6))
        else:
            content = mutate_bytes(rng, pickle.dumps(right), 2)
        path.write_bytes(content)
        check_case(lambda: fuse(path), tmp_path, ['scores.pkl'])


def test_mutated_arrays(tmp_path, num_cases):
    path, content = tmp_path / 'scores.npy', npy()
    head, numbers = content[:128], content[128:]
    for rng in seeds('arrays', num_cases):
        path.write_bytes(mutate_bytes(rng, head, 2) + numbers)
        check_case(lambda: load_scores(str(path)), tmp_path, ['scores.npy'])


@pytest.mark.parametrize('kind', RAW)
def test_wrong_json(tmp_path, kind):
    raw, path = RAW[kind], tmp_path / 'scores.json'
    path.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    assert check_case(lambda: fuse(path), tmp_path, ['scores.json'])


def shared(levels=40, width=10):
    """A small pickle of a list that would be enormous if written out."""
    value = [0.] * width
    for _ in range(levels):
        value = [value] * width
    return value


@pytest.mark.parametrize('value', [
    True, [True, False], [0.5, True], '12', [None, 1], {}, [], 'ab', 5,
    [10**400, 1], [float('nan'), 1], [1e999, 0], [1e308, 0],
    [[True, False]], [[[0.5, 0.5]]], [[1], [2]], [1 + 1j, 0],
    np.array([True, False]), np.array([1 + 1j, 0]), np.array(['a', 'b']),
    torch.tensor([True, False]), shared(), [shared(3), shared()], b'12',
    (shared(), ), collections.OrderedDict(a=1)
])  # yapf: disable
def test_wrong_values(tmp_path, value):
    path = tmp_path / 'scores.pkl'
    path.write_bytes(pickle.dumps(dict(v0=value, v1=value)))
    assert check_case(lambda: fuse(path), tmp_path, ['scores.pkl'])


@pytest.mark.parametrize('results', [
    {'1': [1., 0.], 1: [0., 1.]}, {True: [1., 0.]}, {None: [1., 0.]},
    {(1, 2): [1., 0.]}, {b'v': [1., 0.]}
])  # yapf: disable
def test_wrong_ids(tmp_path, results):
    """Two ids that are one text would lose one of them."""
    path = tmp_path / 'scores.pkl'
    path.write_bytes(pickle.dumps(results))
    assert check_case(lambda: fuse(path, ()), tmp_path, ['scores.pkl'])


def test_messages_are_short(tmp_path):
    path = tmp_path / 'scores.pkl'
    for results in ({'x' * 10**6: [1]}, dict(v0='x' * 10**6),
                    {'v' * 10**6 + str(i): [1.] * (i + 2) for i in range(9)},
                    dict(v0=[['x' * 10**6] * 100])):  # yapf: disable
        for classes in (CLASSES, ['x' * 10**6, 'y' * 10**6]):
            path.write_bytes(
                pickle.dumps(dict(results=results, classes=classes)))
            assert check_case(lambda: fuse(path), tmp_path, ['scores.pkl'])


def test_other_files(tmp_path):
    """A zip file, a pipe, a folder and other names in the place of scores."""
    file = io.BytesIO()
    np.savez(file, a=np.ones(3))
    (tmp_path / 'scores.npy').write_bytes(file.getvalue())
    os.mkfifo(tmp_path / 'scores.json')
    (tmp_path / 'scores.pkl').mkdir()
    for name in ('scores.npy', 'scores.json', 'scores.pkl', 'scores.txt'):
        assert check_case(lambda: fuse(tmp_path / name), tmp_path, [name])
    for name in ('file:///etc/passwd.json', 'http://127.0.0.1:9/a b.json',
                 'scores\0.json'):
        with pytest.raises((FileNotFoundError, ValueError), match='json'):
            fuse(name)
