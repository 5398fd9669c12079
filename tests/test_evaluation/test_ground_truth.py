import json
from pathlib import Path

import numpy as np
import pytest

from dyfadet_mm.evaluation import load_ground_truth, tad_map, tad_recall
from dyfadet_mm.fileio import remove_duplicates

REVERSED = (
    Path(__file__).resolve().parents[3] /
    'shared/cases/multithumos_reversed.json')


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


def test_reversed_actions_are_kept(tmp_path):
    path = annotations(
        tmp_path / 'a.json',
        v=entry('test', (4, 1, 'run'), (5, 6, 'run'), (7, 7, 'jump')))
    truth = load_ground_truth(path)[0]['v']
    assert truth['segments'].tolist() == [[4, 1], [5, 6], [7, 7]]


def test_ignored_labels_are_no_class_and_no_action(tmp_path, log):
    path = annotations(
        tmp_path / 'a.json',
        v=entry('test', (0, 1, 'run'), (2, 3, 'Ambiguous')))
    assert load_ground_truth(path)[1] == ('Ambiguous', 'run')
    truth, classes = load_ground_truth(path, ignore_labels=['Ambiguous'])
    assert classes == ('run', )
    assert truth['v']['segments'].tolist() == [[0, 1]]
    assert '1 annotations of ' in log.text


def test_a_file_without_actions_has_no_classes(tmp_path):
    path = annotations(tmp_path / 'a.json', v=entry('test'))
    truth, classes = load_ground_truth(path)
    assert classes == () and truth['v']['segments'].shape == (0, 2)


@pytest.mark.skipif(not REVERSED.exists(), reason='no published annotations')
def test_perfect_detections_miss_exactly_the_reversed_actions():
    truth, _ = load_ground_truth(str(REVERSED), ['validation', 'test'])
    found, num_actions, num_forward = {}, 0, 0
    for video_id, video in truth.items():
        segments, labels = remove_duplicates(video['segments'],
                                             video['labels'])
        length = segments[:, 1] - segments[:, 0]
        num_actions += int((length != 0).sum())
        num_forward += int((length > 0).sum())
        found[video_id] = dict(
            segments=segments[length > 0],
            labels=labels[length > 0],
            scores=np.ones(int((length > 0).sum())))
    assert num_actions - num_forward == 30
    out = tad_map(found, truth, [0.5, 1.])
    assert out['num_gt'].sum() == num_actions
    assert (out['AP'] @ out['num_gt']) == pytest.approx([num_forward] * 2)
    recall = tad_recall(found, truth, [1.], ks=[1])['class_recall'][0, 0]
    assert recall @ out['num_gt'] == pytest.approx(num_forward)
