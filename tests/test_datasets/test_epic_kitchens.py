import pytest

from dyfadet_mm.datasets import EpicKitchens100Dataset


def _database(*actions, subset='training'):
    """One video of (label, label_id) actions, or labels of OpenTAD's."""
    items = [
        dict(segment=[i, i + 1], label=action[0], label_id=action[1])
        if isinstance(action, tuple) else dict(
            segment=[i, i + 1], label=action, label_name='x')
        for i, action in enumerate(actions)
    ]
    return dict(P01_01=dict(subset=subset, duration=99, annotations=items))


@pytest.mark.parametrize('task, num_classes', [('verb', 97), ('noun', 300)])
def test_labels_are_the_official_ids(write_set, task, num_classes):
    database = _database(('cut', 7), ('take', 0), ('cut', 7), ('pour', 9))
    options = write_set(
        database, 'P01_01.npz', file_suffix='.npz', subset='training')
    [info] = dataset = EpicKitchens100Dataset(**options, task=task)
    assert info['labels_s'].tolist() == [7, 0, 7, 9]
    assert info['fps'] == 30
    classes = dataset.metainfo['classes']
    assert len(classes) == num_classes
    assert (classes[0], classes[1], classes[7]) == ('take', 'class_1', 'cut')


def test_ids_in_the_names_of_opentad_are_the_labels(write_set):
    database = dict(
        _database('id_007', 'id_096', subset='train'),
        P01_11=dict(subset='test', duration=9.))
    options = write_set(database, 'P01_01.npy', 'P01_11.npy')
    [info] = dataset = EpicKitchens100Dataset(
        **options, task='verb', subset='TRAIN')
    assert info['labels_s'].tolist() == [7, 96]
    assert dataset.metainfo['classes'][6:8] == ('class_6', 'id_007')
    [info] = EpicKitchens100Dataset(**options, task='verb', subset='test')
    assert len(info['labels_s']) == 0


def test_given_classes_win(write_set):
    options = write_set(_database(('cut', 7)), 'P01_01.npy')
    dataset = EpicKitchens100Dataset(
        **options,
        task='verb',
        subset='training',
        metainfo=dict(classes=('cut', 'take')))
    assert dataset[0]['labels_s'].tolist() == [0]


@pytest.mark.parametrize('actions, words', [
    ([('salt', 97)], r'from 0 to 96 of every action.* got \[97\]'),
    (['salt'], r'official id.* got \[None\]'),
    ([('a', 1), ('a', 2)], 'each id with one name, but got ids with several'),
    ([('a', 1), ('b', 1)], 'each id with one name, but got ids with several'),
])
def test_files_of_something_else_are_refused(write_set, actions, words):
    options = write_set(_database(*actions), 'P01_01.npy', subset='training')
    with pytest.raises(ValueError, match=words):
        EpicKitchens100Dataset(**options, task='verb')


def test_unknown_task_is_refused(write_set):
    with pytest.raises(ValueError, match="'verb' or 'noun', but got 'action'"):
        EpicKitchens100Dataset(
            **write_set(_database()), task='action', subset='training')
