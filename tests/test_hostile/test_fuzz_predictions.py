"""Predictions of strangers: scored, drawn, and given as Python values."""
import importlib
import json
from types import SimpleNamespace

import numpy as np
import pytest
from data_cases import RAW, run_main, scripts, spoil_json
from harness import check_case, seeds
from mutators import mutate_value

from dyfadet_mm.evaluation import (load_predictions,
                                   load_predictions_and_classes, tad_map,
                                   tad_recall)

TRUTH = {
    f'v{i}':
    dict(
        subset='validation',
        duration=10.,
        annotations=[
            dict(segment=[1., 4.], label='run'),
            dict(segment=[5., 8.], label='jump')
        ])
    for i in range(3)
}
FOUND = {
    f'v{i}': [
        dict(segment=[1.1, 4.], label='run', score=.9),
        dict(segment=[5, 8.2], label='jump', score=0.5)
    ]
    for i in range(3)
}


@pytest.fixture(scope='module')
def tools():
    """The scripts that read predictions."""
    with scripts('analysis_tools'):
        yield SimpleNamespace(
            **{
                name: importlib.import_module(name)
                for name in ('eval_predictions', 'eval_epic', 'plot_timeline')
            })


@pytest.fixture
def truth(tmp_path):
    path = tmp_path / 'truth.json'
    path.write_text(json.dumps(dict(database=TRUTH)))
    return path


def test_mutated_predictions(tmp_path, tools, truth, num_cases):
    path, out = tmp_path / 'found.json', tmp_path / 'out.png'
    counts, names = [], ['found.json', 'truth.json']
    for rng in seeds('predictions', num_cases):
        path.write_bytes(spoil_json(rng, dict(results=FOUND)))
        error = check_case(
            lambda: run_main(tools.eval_predictions.main, path, truth,
                             '--no-classwise', '--recall', 1), tmp_path, names)
        counts.append(error is not None)
        check_case(lambda: load_predictions_and_classes(str(path)), tmp_path,
                   names)
        if rng.random() < 0.1:  # drawing is slow
            check_case(
                lambda: run_main(tools.plot_timeline.main, path, truth,
                                 '--num-videos', 1, '--out', out), tmp_path,
                names)
        truth_of_case = tmp_path / 'wrong_truth.json'
        truth_of_case.write_bytes(spoil_json(rng, dict(database=TRUTH)))
        path.write_text(json.dumps(dict(results=FOUND)))
        check_case(
            lambda: run_main(tools.eval_epic.main, path, path, truth_of_case,
                             truth), tmp_path, [*names, 'wrong_truth.json'])
    assert num_cases < 100 or 0.3 < np.mean(counts) < 0.99


def test_mutated_python_values(tmp_path, num_cases):
    segments = [[1., 4.], [5, 8.2]]
    found = dict(
        v=dict(segments=segments, labels=[0, 1], scores=[.9, .5]),
        w=dict(segments=segments, labels=[1, 1], scores=[.8, .3]))
    truth = {
        name: dict(segments=segments, labels=[0, 1], duration=10.)
        for name in 'vw'
    }
    for rng in seeds('python values', num_cases):
        wrong = mutate_value(rng, found, 2)
        if isinstance(wrong, dict):
            check_case(lambda: tad_map(wrong, truth, [0.5]), tmp_path)
            check_case(lambda: tad_recall(wrong, truth, [0.5], [1]), tmp_path)
            # a right one has scores too, which nobody reads
            check_case(lambda: tad_map(found, wrong, [0.5]), tmp_path)


@pytest.mark.parametrize('kind', RAW)
def test_wrong_json(tmp_path, tools, truth, kind):
    raw = RAW[kind]
    path, out = tmp_path / 'found.json', tmp_path / 'out'
    path.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    for main, args in ((tools.eval_predictions.main, (path, truth)),
                       (tools.eval_predictions.main, (path, path)),
                       (tools.eval_epic.main, (path, path, truth, truth)),
                       (tools.plot_timeline.main, (path, truth, '--out',
                                                   out))):
        assert check_case(lambda: run_main(main, *args), tmp_path,
                          ['found.json'])


@pytest.mark.parametrize('field, value', [
    ('segment', '12'), ('segment', [True, 2]), ('segment', {'1': 0, '2': 0}),
    ('segment', [1, 2, 3]), ('segment', [float('nan'), 2]),
    ('segment', [0, float('inf')]), ('segment', ['a', 'b']), ('score', True),
    ('score', None), ('score', [1]), ('score', float('nan')),
    ('score', 'much'), ('score', 'inf'), ('score', 1e999), ('label', None),
    ('label', True), ('label', ['run']), ('label', {}), ('label', 1e999)
])  # yapf: disable
def test_wrong_values(tmp_path, field, value):
    path = tmp_path / 'found.json'
    detection = dict(FOUND['v0'][0], **{field: value})
    path.write_text(json.dumps(dict(results=dict(v0=[detection]))))
    error = check_case(lambda: load_predictions(str(path), ('run', 'jump')),
                       tmp_path, ['found.json'])
    assert "'v0'" in str(error)


@pytest.mark.parametrize('changes', [
    dict(scores=[True]), dict(scores=[10**400]), dict(scores=['0.5']),
    dict(scores=[float('inf')]), dict(scores=[None]), dict(scores=None),
    dict(scores=[[0.5]]), dict(scores=np.array([1 + 1j])), dict(labels=[0.]),
    dict(labels=[True]), dict(labels=['run']), dict(labels=[2**70]),
    dict(segments=[['0', '1']]), dict(segments=[[True, 2]]),
    dict(segments=[[0, 10**400]]), dict(segments=[[0, 1], [2]]),
    dict(scores=[0.5, True], segments=[[0, 1]] * 2, labels=[0] * 2)
])  # yapf: disable
def test_wrong_python_values(tmp_path, changes):
    truth = dict(v=dict(segments=[[0., 1.]], labels=[0]))
    video = dict(dict(segments=[[0, 1]], labels=[0], scores=[.5]), **changes)
    assert check_case(lambda: tad_map(dict(v=video), truth, [0.5]), tmp_path,
                      ["'v'"])


def test_messages_are_short(tmp_path, tools, truth):
    path = tmp_path / 'found.json'
    long, many = 'x' * 10**6, [['x' * 1000] * 100] * 20
    for results in ({
            long: FOUND['v0']
    }, dict(v0=[dict(FOUND['v0'][0], label=long)]),
                    dict(v0=[dict(FOUND['v0'][0], label=many)]), {
                        f'{long}{i}': []
                        for i in range(9)
                    }, dict(v0=long), dict(v0=many)):
        path.write_text(json.dumps(dict(results=results)))
        assert check_case(
            lambda: run_main(tools.eval_predictions.main, path, truth),
            tmp_path, ['found.json', 'truth.json'])
