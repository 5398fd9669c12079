import io
import json
import os
import pickle

import numpy as np
import pytest
import torch

from dyfadet_mm.fileio.score_files import load_scores, match_classes

SCORES = dict(v=[0.25, 0.75], w=[1., 0.])
NAMES = ['run', 'jump']


@pytest.fixture
def write(tmp_path):

    def _write(content, name='scores.json'):
        path = tmp_path / name
        if name.endswith('.json') and not isinstance(content, bytes):
            content = json.dumps(content).encode()
        path.write_bytes(content)
        return str(path)

    return _write


def listed(found):
    return {video: scores.tolist() for video, scores in found.scores.items()}


@pytest.mark.parametrize('content, classes', [
    (SCORES, None),
    (dict(results=SCORES, version='x'), None),
    (dict(results=SCORES, **{'class': NAMES}), ('run', 'jump')),
    (dict(results=SCORES, classes=NAMES), ('run', 'jump')),
    (dict(SCORES, classes=NAMES), ('run', 'jump')),
    (json.dumps(SCORES).encode('utf-8-sig'), None),
    (dict(results=dict(v=[[0.25, 0.75]], w=[[1., 0.]])), None),
])
def test_layouts_of_json(content, classes, write):
    found = load_scores(write(content))
    assert listed(found) == SCORES
    assert found.classes == classes
    assert found.scores['v'].dtype == np.float32


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize('kind', [list, np.array, torch.tensor])
@pytest.mark.parametrize('suffix', ['.pkl', '.pickle'])
def test_pickles_of_plain_data_arrays_and_tensors(kind, protocol, suffix,
                                                  write):
    data = {video: kind(scores) for video, scores in SCORES.items()}
    content = pickle.dumps(data, protocol)
    assert listed(load_scores(write(content, f'scores{suffix}'))) == SCORES


class Harmful:

    def __reduce__(self):
        return os.system, ('touch harmed', )


def test_a_pickle_that_names_code_is_refused_unread(write, tmp_path,
                                                    monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(pickle.dumps(dict(SCORES, x=Harmful())), 'scores.pkl')
    with pytest.raises(ValueError, match=r'scores.pkl.*(posix|nt).system'):
        load_scores(path)
    assert not (tmp_path / 'harmed').exists()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_scores_of_untrimmednet(write):
    array = np.arange(1574 * 101, dtype=np.float32).reshape(1574, 101)
    found = load_scores(write(npy(array), 'uNet_test.npy'))
    assert len(found.scores) == 1574
    # columns 7 (baseball pitch) and 97 (volleyball spiking) of 1 to 101
    fourth = found.scores['video_test_0000004']
    assert fourth.shape == (20, )
    assert fourth[[0, -1]].tolist() == [3 * 101 + 6, 3 * 101 + 96]
    assert 'video_test_0001574' in found.scores


@pytest.mark.parametrize('content, name, message', [
    ([0.1, 0.2], 'a.json', 'must map video ids to class scores, but holds l'),
    (dict(results=[1]), 'a.json', 'must map video ids to class scores'),
    (b'{"v": [', 'a.json', 'a.json.* must be JSON, but got'),
    (b'{"v": [1], "w": [1], "v": [2]}', 'a.json',
     "a.json.* must have every key once, but has 'v' more than once"),
    (dict(v=[0.1], w='many'), 'a.json',
     "a list of numbers for each video, but video 'w' has str many"),
    (dict(v=[[0.1], [0.2]]), 'a.json', "video 'v' has list"),
    (dict(v=[]), 'a.json', "video 'v' has list"),
    (dict(v=[0.1, float('nan')]), 'a.json', "video 'v' has nan"),
    (dict(SCORES, x=[1.], y=[1., 2., 3.]), 'a.json',
     'have 2 scores per video, one per class, but 2 of 4 videos have another '
     'number: x has 1, y has 3$'),
    (dict(results=SCORES, classes=['a', 'b', 'c']), 'a.json',
     'have 3 scores per video.* 2 of 2 videos.*: v has 2, w has 2$'),
    (dict(results=SCORES, classes='ab'), 'a.json', 'a list of names under'),
    (b'\x80\x04oops', 'a.pkl', 'a.pkl.* must be a complete pickle'),
    (npy(np.ones((3, 4))), 'a.npy', r'\(1574, 101\), but got \(3, 4\)'),
    (b'oops', 'a.npy', 'must be an npy file'),
    (b'', 'a.txt', "must end with one of .*'.json'.* but got .*a.txt"),
])
def test_other_content_is_refused(content, name, message, write):
    with pytest.raises(ValueError, match=message):
        load_scores(write(content, name))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='no class scores.*gone.json'):
        load_scores(str(tmp_path / 'gone.json'))


def test_classes_are_found_by_name():
    columns = match_classes(['c', 'a', 'b'], ['a', 'b', 'c'])
    assert columns.tolist() == [1, 2, 0]


def test_names_that_differ_are_listed():
    names = ['run', 'Plataform diving', 'd1', 'd2', 'd3', 'd4']
    with pytest.raises(ValueError) as error:
        match_classes(names, ['run', 'Platform diving'])
    assert "has 5 ('Plataform diving', 'd1', 'd2', ...)" in str(error.value)
    assert "lacks 1 ('Platform diving')" in str(error.value)


def test_repeated_names_are_refused():
    with pytest.raises(ValueError, match=r"repeats 1 \('run'\)"):
        match_classes(['run', 'jump', 'run'], ['run', 'jump'])
