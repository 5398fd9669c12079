import json

import numpy as np
import pytest

from dyfadet_mm.evaluation import (load_ground_truth, load_predictions,
                                   save_predictions)

CLASSES = ('run', 'jump')


def one_video(**changes):
    video = dict(
        segments=np.array([[0.1, 1 / 3], [2., 7.25]], dtype=np.float32),
        scores=np.array([0.7, 1 / 7], dtype=np.float32),
        labels=np.array([1, 0]))
    return dict(v={**video, **changes})


def annotations(path, **entries):
    path.write_text(json.dumps(dict(database=entries)))
    return str(path)


def entry(subset, *actions, **fields):
    return dict(
        subset=subset,
        duration=30,
        annotations=[
            dict(segment=list(segment), label=label)
            for *segment, label in actions
        ],
        **fields)


def test_predictions_survive_a_round_trip_exactly(tmp_path):
    path = str(tmp_path / 'new' / 'predictions.json')
    save_predictions(path, one_video(), CLASSES)
    out = load_predictions(path, CLASSES)['v']
    for key, value in one_video()['v'].items():
        assert np.array_equal(out[key].astype(value.dtype), value)


def test_the_layout_is_that_of_activitynet(tmp_path):
    path = tmp_path / 'predictions.json'
    save_predictions(str(path), one_video(), CLASSES)
    content = json.loads(path.read_text())
    assert set(content) == {'version', 'results', 'external_data'}
    assert content['results']['v'][0] == dict(
        label='jump', segment=[0.1, 0.33333334], score=0.7)


def test_a_video_without_detections_is_kept(tmp_path):
    path = str(tmp_path / 'predictions.json')
    empty = dict(
        segments=np.zeros((0, 2)), scores=np.zeros(0), labels=np.zeros(0))
    save_predictions(path, dict(v=empty), CLASSES)
    assert load_predictions(path, CLASSES)['v']['segments'].size == 0


def test_labels_without_a_name_are_named_by_their_number(tmp_path):
    path = tmp_path / 'predictions.json'
    save_predictions(str(path), one_video())
    assert json.loads(
        path.read_text())['results']['v'][0]['label'] == ('class_1')


def test_own_file_is_replaced_and_nothing_is_left_behind(tmp_path):
    path = str(tmp_path / 'predictions.json')
    save_predictions(path, one_video(), CLASSES)
    save_predictions(path, dict(w=one_video()['v']), CLASSES)
    assert list(load_predictions(path, CLASSES)) == ['w']
    assert [p.name for p in tmp_path.iterdir()] == ['predictions.json']


@pytest.mark.parametrize('content', ['', '{"results": {}}', 'my notes'])
def test_a_foreign_file_is_not_replaced(tmp_path, content):
    path = tmp_path / 'precious.json'
    path.write_text(content)
    with pytest.raises(FileExistsError, match='precious.json.*choose another'):
        save_predictions(str(path), one_video(), CLASSES)
    assert path.read_text() == content


def test_a_folder_is_not_replaced(tmp_path):
    with pytest.raises(FileExistsError, match='out_file must be new or'):
        save_predictions(str(tmp_path), one_video(), CLASSES)


@pytest.mark.parametrize('content, message', [
    ('{"results": ', 'must be JSON, but got'),
    ('[]', "must have 'results'"),
    ('{"results": []}', "must have 'results', .*but got list"),
    ('{"results": {"v": 3}}', "detections of video 'v' must be a list"),
    ('{"results": {"v": [{"label": "run", "score": 1}]}}',
     "detections of video 'v' must be a list"),
    ('{"results": {"v": [{"label": "x", "score": 1, "segment": [0, 1]}]}}',
     r"labels of video 'v' must be among the 2 .*but got \['x'\]"),
    ('{"results": {"v": [{"label": "run", "score": 1, "segment": [0, 1]}, '
     '{"label": "run", "score": 1, "segment": [0, 1, 2]}]}}',
     "detections of video 'v' must be a list"),
])
def test_bad_predictions_are_refused(tmp_path, content, message):
    path = tmp_path / 'bad.json'
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        load_predictions(str(path), CLASSES)


def test_a_missing_predictions_file_is_named():
    with pytest.raises(FileNotFoundError, match="file at 'nowhere.json'"):
        load_predictions('nowhere.json', CLASSES)


def test_ground_truth_of_a_subset_needs_no_frame_rate(tmp_path):
    path = annotations(
        tmp_path / 'a.json',
        t=entry('training', (1, 2, 'swim')),
        v=entry('Validation', (0, 1, 'run'), (3, 4.5, 'jump')),
        w=entry('validation'))
    truth, classes = load_ground_truth(path, 'validation')
    # the class of the other subset counts: labels agree with training
    assert classes == ('jump', 'run', 'swim')
    assert list(truth) == ['v', 'w']
    assert truth['v']['segments'].tolist() == [[0, 1], [3, 4.5]]
    assert truth['v']['labels'].tolist() == [1, 0]
    assert truth['v']['duration'] == 30
    assert truth['w']['segments'].shape == (0, 2)


def test_the_only_subset_need_not_be_named(tmp_path):
    path = annotations(tmp_path / 'a.json', v=entry('test', (0, 1, 'run')))
    assert list(load_ground_truth(path)[0]) == ['v']
    path = annotations(
        tmp_path / 'b.json', v=entry('test', (0, 1, 'run')), w=entry('val'))
    with pytest.raises(ValueError, match=r"one of \['test', 'val'\], .*None"):
        load_ground_truth(path)


def test_given_classes_win(tmp_path):
    path = annotations(tmp_path / 'a.json', v=entry('test', (0, 1, 'run')))
    truth, classes = load_ground_truth(path, classes=['jump', 'run'])
    assert classes == ('jump', 'run')
    assert truth['v']['labels'].tolist() == [1]
