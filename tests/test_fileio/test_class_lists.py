import pytest

from dyfadet_mm.fileio import class_name, extend_classes, resolve_classes


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


def test_a_name_may_be_its_own_id():
    database = _database(('id_003', None), ('id_000', None), ('id_001', None))
    assert resolve_classes(database) == ('id_000', 'id_001', 'class_2',
                                         'id_003')
    assert resolve_classes(_database(('id_0x', None))) == ('id_0x', )


def test_official_lists_keep_classes_without_actions():
    database = _database(('run', 2), ('jump', 0), ('run', 2))
    assert resolve_classes(
        database, num_classes=4) == ('jump', 'class_1', 'run', 'class_3')
    assert resolve_classes(database, ['a'], num_classes=4) == ('a', )


@pytest.mark.parametrize('pairs', [
    [('run', 0), ('jump', 4)],
    [('run', 0), ('jump', None)],
    [('run', 0), ('jump', '1')],
    [('run', -1)],
    [('run', 0), ('run', 1)],
    [('run', 0), ('jump', 0)],
])
def test_ids_that_are_not_official_are_refused(pairs):
    with pytest.raises(ValueError, match='official id from 0 to 3'):
        resolve_classes(_database(*pairs), num_classes=4)


def test_ignored_labels_are_no_classes():
    database = _database(('run', 1), ('Ambiguous', 0), ('jump', 0))
    assert resolve_classes(
        database, ignore_labels=['Ambiguous']) == ('jump', 'run')
    with pytest.raises(ValueError, match='must not be among ignore_labels'):
        resolve_classes({}, ['run', 'Ambiguous'], ignore_labels=['Ambiguous'])


def test_new_videos_have_no_classes_if_that_is_allowed():
    database = dict(a=dict(subset='test'))
    assert resolve_classes(database, allow_empty=True) == ()
    assert resolve_classes(database, num_classes=97, allow_empty=True) == ()
    with pytest.raises(ValueError, match='test_mode=True'):
        resolve_classes(database)


def test_list_labels_are_refused_where_classes_are_read():
    with pytest.raises(TypeError, match="annotation 0 of video 'v0' must be"):
        resolve_classes(_database((['run', 'jump'], None)))


def test_new_names_are_appended_in_their_order():
    assert extend_classes(['b', 'a'], ['d', 'a', 'c']) == ('b', 'a', 'd', 'c')


@pytest.mark.parametrize('label, classes, name', [
    (1, ('run', 'jump'), 'jump'),
    (2, ('run', 'jump'), 'class_2'),
    (-1, ('run', 'jump'), 'class_-1'),
    (0, None, 'class_0'),
])
def test_a_label_without_name_is_named_by_its_number(label, classes, name):
    assert class_name(label, classes) == name
