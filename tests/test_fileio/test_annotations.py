import json
import os.path as osp

import pytest

from dyfadet_mm.fileio import load_database, resolve_classes, select_subset

THUMOS = osp.join(osp.dirname(__file__), '../../../shared/data/thumos14.json')


def _database(*pairs):
    """One video per (label, label_id) pair."""
    return {
        f'v{i}':
        dict(
            subset='train',
            annotations=[
                dict(segment=[0, 1], label=name) if label_id is None else dict(
                    segment=[0, 1], label=name, label_id=label_id)
            ])
        for i, (name, label_id) in enumerate(pairs)
    }


def _write(tmp_path, content):
    path = tmp_path / 'ann.json'
    path.write_text(content)
    return str(path)


def test_entries_come_back_as_stored(tmp_path):
    entry = dict(subset='train', duration='3.5')
    path = _write(tmp_path, json.dumps(dict(database=dict(a=entry))))
    assert load_database(path) == dict(a=entry)


def test_missing_file_names_the_path(tmp_path):
    path = str(tmp_path / 'ann.json')
    with pytest.raises(FileNotFoundError, match='no annotation file') as error:
        load_database(path)
    assert path in str(error.value) and 'ann_file' in str(error.value)


@pytest.mark.parametrize('content, kind, words', [
    ('{"database": ', ValueError, 'must be JSON'),
    ('[1, 2]', KeyError, "the key 'database'"),
    ('{"v1": {}}', KeyError, "the key 'database'"),
    ('{"database": [1]}', TypeError, 'must map video ids to entries'),
    ('{"database": {"v1": [1]}}', TypeError, "entry of video 'v1'"),
])
def test_other_layouts_are_refused_with_the_path(tmp_path, content, kind,
                                                 words):
    path = _write(tmp_path, content)
    with pytest.raises(kind, match=words) as error:
        load_database(path)
    assert path in str(error.value)


def test_subset_is_compared_in_any_case():
    database = dict(
        a=dict(subset='Test'), b=dict(subset='Val'), c=dict(subset='TEST'))
    assert list(select_subset(database, 'test')) == ['a', 'c']
    assert list(select_subset(database, ['val', 'TeSt'])) == ['a', 'b', 'c']


@pytest.mark.parametrize('subset', ['training', ['Test', 'training'], []])
def test_absent_subset_lists_those_of_the_file(subset):
    database = dict(a=dict(subset='Test'), b=dict(subset='Val'))
    with pytest.raises(ValueError, match=r"one of \['Test', 'Val'\]"):
        select_subset(database, subset)


def test_entry_without_subset_is_named():
    with pytest.raises(KeyError, match="video 'a' must have a 'subset'"):
        select_subset(dict(a=dict(duration=1)), 'Test')


def test_given_classes_win_over_ids():
    database = _database(('run', 0), ('jump', 1))
    assert resolve_classes(database, ['jump', 'run']) == ('jump', 'run')


def test_ids_win_over_names():
    database = _database(('run', 0), ('jump', 1), ('run', 0))
    assert resolve_classes(database) == ('run', 'jump')


def test_names_are_sorted_without_ids():
    database = _database(('run', None), ('BMX', None), ('jump', None))
    assert resolve_classes(database) == ('BMX', 'jump', 'run')


@pytest.mark.parametrize('pairs', [
    [('run', 0), ('jump', None)],
    [('run', 0), ('run', None), ('jump', 1)],
    [('run', 0), ('run', 1), ('jump', 2)],
    [('run', 0), ('jump', 0)],
    [('run', 0), ('jump', '1')],
    [('run', 0), ('jump', [1])],
    [('run', -1), ('jump', 0)],
    [('run', 1.5), ('jump', 0)],
])
def test_unusable_ids_fall_back_to_names(pairs):
    assert resolve_classes(_database(*pairs)) == ('jump', 'run')


def test_few_absent_ids_become_empty_classes():
    database = _database(('run', 3), ('jump', 0), ('hop', 1))
    assert resolve_classes(database) == ('jump', 'hop', 'class_2', 'run')


def test_scattered_ids_are_numbered_anew():
    database = _database(('run', 10**9), ('jump', 7))
    assert resolve_classes(database) == ('jump', 'run')


def test_videos_without_annotations_have_no_classes():
    database = dict(a=dict(subset='train'), **_database(('run', None)))
    assert resolve_classes(database) == ('run', )
    with pytest.raises(ValueError, match='classes must be given'):
        resolve_classes(dict(a=dict(subset='train')))


@pytest.mark.parametrize('classes, kind, words', [
    ('run', TypeError, "sequence of names or a text file .* got 'run'"),
    ([0, 1], TypeError, 'sequence of names'),
    (['run', 'run'], ValueError, r"different names.*\['run'\] repeatedly"),
    ([], ValueError, 'at least one'),
])
def test_unusable_class_lists_are_refused(classes, kind, words):
    with pytest.raises(kind, match=words):
        resolve_classes({}, classes)


@pytest.mark.skipif(not osp.exists(THUMOS), reason='../shared is absent')
def test_thumos_file_has_the_published_counts():
    from dyfadet_mm.datasets import THUMOS14Dataset
    database = load_database(THUMOS)
    assert resolve_classes(database) == THUMOS14Dataset.METAINFO['classes']
    assert len(select_subset(database, 'validation')) == 200
    assert len(select_subset(database, 'test')) == 212
