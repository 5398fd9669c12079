import json
import os.path as osp

import pytest

from dyfadet_mm.fileio import (exclude_videos, load_database, resolve_classes,
                               select_subset)

THUMOS = osp.join(osp.dirname(__file__), '../../../shared/data/thumos14.json')


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
    ('{"database": {"v1": {}, "v2": {}, "v1": {}}}', ValueError,
     "must have every key once, but has 'v1' more than once in 'database'"),
    ('{"database": {}, "database": {}}', ValueError,
     "has 'database' more than once in the top level"),
    ('{"database": {"v1": {"annotations": [{}, {"label": 1, "label": 2}]}}}',
     ValueError, "'label' .* in 'database' > 'v1' > 'annotations' > 1;"),
])
def test_other_layouts_are_refused_with_the_path(tmp_path, content, kind,
                                                 words):
    path = _write(tmp_path, content)
    with pytest.raises(kind, match=words) as error:
        load_database(path)
    assert path in str(error.value)


@pytest.mark.parametrize('encoding', ['utf-8-sig', 'utf-16'])
def test_a_byte_order_mark_is_accepted(tmp_path, encoding):
    path = tmp_path / 'ann.json'
    path.write_bytes('{"database": {"跳": {}}}'.encode(encoding))
    assert load_database(str(path)) == {'跳': {}}


@pytest.mark.parametrize('video_id', [
    '', '.', '..', '../secret', 'a/../../b', 'a/..', '/etc/passwd', 'a//b',
    'a/', './a', '..\\secret', 'a\0b', 'http://host/a'
])
def test_ids_that_lead_elsewhere_are_refused(tmp_path, video_id):
    path = _write(tmp_path, json.dumps(dict(database={video_id: {}})))
    with pytest.raises(ValueError, match='rename the video') as error:
        load_database(path)
    text = str(error.value)
    assert path in text and repr(video_id) in text


@pytest.mark.parametrize('video_id',
                         ['v_-a', 'sub/vid', 'a..b', '...', '跳 高', '.hidden'])
def test_names_and_folders_are_ids(tmp_path, video_id):
    path = _write(tmp_path, json.dumps(dict(database={video_id: {}})))
    assert list(load_database(path)) == [video_id]


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


def test_layout_of_mmaction2_is_refused_with_its_converter(tmp_path):
    video = dict(
        duration_second=211.53,
        duration_frame=6337,
        annotations=[dict(segment=[30.0, 205.2], label='Rock climbing')],
        feature_frame=6336)
    path = _write(tmp_path, json.dumps({f'v_{i}': video for i in range(9)}))
    with pytest.raises(KeyError, match='mmaction_to_tad.py') as error:
        load_database(path)
    text = str(error.value)
    assert path in text and "'v_4', ...]" in text and 'v_5' not in text


def test_videos_are_excluded_in_order(tmp_path):
    entries = dict(a=1, b=2, c=3)
    assert list(exclude_videos(entries, ['b', 'other'])) == ['a', 'c']
    assert exclude_videos(entries, ()) == entries
    path = tmp_path / 'missing_files.txt'
    path.write_text('c\n\n  a \r\n')
    assert list(exclude_videos(entries, str(path))) == ['b']


def test_missing_list_of_excluded_videos_is_named(tmp_path):
    path = str(tmp_path / 'missing_files.txt')
    with pytest.raises(FileNotFoundError, match='to exclude at') as error:
        exclude_videos(dict(a=1), path)
    assert path in str(error.value)


def test_some_videos_must_be_left():
    with pytest.raises(ValueError, match='leave some of the 2 videos'):
        exclude_videos(dict(a=1, b=2), ['b', 'a'])


@pytest.mark.skipif(not osp.exists(THUMOS), reason='../shared is absent')
def test_thumos_file_has_the_published_counts():
    from dyfadet_mm.datasets import THUMOS14Dataset
    database = load_database(THUMOS)
    assert resolve_classes(database) == THUMOS14Dataset.METAINFO['classes']
    assert len(select_subset(database, 'validation')) == 200
    assert len(select_subset(database, 'test')) == 212
