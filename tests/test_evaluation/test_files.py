import json
import math

import numpy as np
import pytest

from dyfadet_mm.evaluation import (load_predictions,
                                   load_predictions_and_classes,
                                   save_predictions)

CLASSES = ('run', 'jump')


def one_video(**changes):
    video = dict(
        segments=np.array([[0.1, 1 / 3], [2., 7.25]], dtype=np.float32),
        scores=np.array([0.7, 1 / 7], dtype=np.float32),
        labels=np.array([1, 0]))
    return dict(v={**video, **changes})


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
    ('{"results": []}', r"must have 'results', a dict .*but got \[\]"),
    ('{"results": {"v": 3}}', "detections of video 'v' must be a list"),
    ('{"results": {"v": [{"label": "run", "score": 1}]}}',
     "detections of video 'v' must be a list"),
    ('{"results": {"v": [{"label": "x", "score": 1, "segment": [0, 1]}]}}',
     r"labels of video 'v' must be among the 2 .*but got \['x'\]"),
    ('{"results": {"v": [{"label": "run", "score": 1, "segment": [0, 1]}, '
     '{"label": "run", "score": 1, "segment": [0, 1, 2]}]}}',
     "detections of video 'v' must be a list"),
    ('{"results": {"v": [], "w": [], "v": []}}',
     "bad.json.*must have every key once, but has 'v' more than once"),
    ('{"results": {"v": [{"label": "run", "score": NaN, "segment": [0, 1]}]}}',
     r"scores of predictions\['v'\] must be finite, but got nan; see whether"),
    ('{"results": {"v": [{"label": "run", "score": 1, "segment": [2, 1]}]}}',
     r"segments of predictions\['v'\] must end .*\[2.0, 1.0\]; correct or"),
])
def test_bad_predictions_are_refused(tmp_path, content, message):
    path = tmp_path / 'bad.json'
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        load_predictions(str(path), CLASSES)


def test_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / 'predictions.json'
    path.write_text('{"results": {"v": []}}', encoding='utf-8-sig')
    assert list(load_predictions(str(path), CLASSES)) == ['v']


def test_unknown_labels_are_listed_beside_the_known_ones(tmp_path):
    path = str(tmp_path / 'predictions.json')
    save_predictions(path, one_video(), ('swim', 'fly'))
    names = [f'c{i:02d}' for i in range(30)]
    with pytest.raises(ValueError) as error:
        load_predictions(path, names)
    text = str(error.value)
    assert "but got ['fly', 'swim']; labels are matched by name" in text
    assert "'c00'" in text and "'c19', ...] (30 in all)" in text
    found, classes = load_predictions_and_classes(path, CLASSES)
    assert classes == (*CLASSES, 'fly', 'swim')
    assert found['v']['labels'].tolist() == [2, 3]


def test_labels_go_by_name_whatever_their_order(tmp_path):
    path = str(tmp_path / 'predictions.json')
    save_predictions(path, one_video(), CLASSES)
    found = load_predictions(path, ('hop', *CLASSES[::-1]))['v']
    assert found['labels'].tolist() == [1, 2]


@pytest.mark.parametrize('field', ['segments', 'scores'])
def test_numbers_that_are_not_finite_are_not_written(tmp_path, field):
    video = one_video()
    video['v'][field][-1] = math.inf
    with pytest.raises(ValueError, match=f"{field} of video 'v' .* got inf"):
        save_predictions(str(tmp_path / 'a.json'), video, CLASSES)
    assert not list(tmp_path.iterdir())


def test_a_missing_predictions_file_is_named():
    with pytest.raises(FileNotFoundError, match="file at 'nowhere.json'"):
        load_predictions('nowhere.json', CLASSES)
