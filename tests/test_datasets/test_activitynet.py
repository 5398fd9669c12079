import pytest

from dyfadet_mm.datasets import ActivityNetDataset, SecondsToGrid


def _database(label_ids=(None, None)):
    """Two videos as in the official file, or with label ids."""
    names = ('Walking the dog', 'BMX')
    actions = [[
        dict(segment=[1., 5.], label=name, label_id=label_id),
        dict(segment=[1., 5.0004], label=name, label_id=label_id),
        dict(segment=[2., 5.], label=name, label_id=label_id)
    ] for name, label_id in zip(names, label_ids)]
    return {
        '--0edUL8zmA':
        dict(subset='training', duration=92.4, annotations=actions[0]),
        '3oiCGmWPDJs':
        dict(subset='validation', duration=63., annotations=actions[1]),
        '_test':
        dict(subset='testing', duration=20., annotations=[])
    }


def test_official_file_by_hand(write_set):
    options = write_set(_database(), 'tsp/v_--0edUL8zmA.npy')
    dataset = ActivityNetDataset(
        **options, subset='training', data_prefix=dict(feats='tsp'), fps=15)
    [info] = dataset
    assert info['video_id'] == '--0edUL8zmA'
    assert info['segments_s'].tolist() == [[1, 5], [2, 5]]  # no duplicate
    assert dataset.metainfo['classes'] == ('BMX', 'Walking the dog')
    assert info['labels_s'].tolist() == [1, 1]
    assert SecondsToGrid()(info)['labels'].tolist() == [0, 0]


@pytest.mark.parametrize('label_ids, classes', [
    ((0, 1), ('Walking the dog', 'BMX')),
    ((1, 0), ('BMX', 'Walking the dog')),
])
def test_ids_of_a_processed_file_decide(write_set, label_ids, classes):
    options = write_set(_database(label_ids), 'v_3oiCGmWPDJs.npy')
    dataset = ActivityNetDataset(**options, subset='Validation', fps=15)
    assert dataset.metainfo['classes'] == classes


def test_fps_of_the_features_must_be_given(write_set):
    options = write_set(_database(), 'v_--0edUL8zmA.npy')
    with pytest.raises(KeyError, match="must have 'fps'.*set fps"):
        ActivityNetDataset(**options, subset='training')


def test_detecting_classes_is_a_choice(write_set):
    options = write_set(_database(), '--0edUL8zmA.csv')
    dataset = ActivityNetDataset(
        **options,
        subset='training',
        fps=15,
        file_prefix='',
        file_suffix='.csv',
        class_agnostic=False,
        remove_duplicates=False)
    assert SecondsToGrid()(dataset[0])['labels'].tolist() == [1, 1, 1]
