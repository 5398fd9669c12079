import numpy as np
import pytest
from mmengine.dataset import RepeatDataset

from dyfadet_mm.datasets import (dataset_classes, num_detector_classes,
                                 use_classes)

SUBSETS = ('train', 'test')


def _config(data_root, **kwargs):
    return dict(
        dict(
            type='TADDataset',
            ann_file='ann.json',
            subset='train',
            data_root=str(data_root),
            feat_stride=4,
            feat_num_frames=8,
            pipeline=[dict(type='LoadFeatures')]), **kwargs)


def test_classes_are_read_without_features(data_root):
    cfg = _config(data_root, data_prefix=dict(feats='none'))
    copy = dict(cfg)
    assert dataset_classes(cfg) == ('hop', 'jump', 'run')
    assert num_detector_classes(cfg) == 3
    assert cfg == copy
    wrapped = dict(type='RepeatDataset', times=2, dataset=cfg)
    wrapped = dict(type='ClassBalancedDataset', dataset=wrapped)
    other = _config(
        data_root, ignore_labels=['run'], metainfo=dict(classes=['fly']))
    joined = dict(type='ConcatDataset', datasets=[wrapped, other])
    assert dataset_classes(joined) == ('hop', 'jump', 'run', 'fly')
    assert num_detector_classes(joined) == 4


def test_a_class_agnostic_detector_has_one_class(data_root):
    cfg = _config(data_root, class_agnostic=True)
    assert dataset_classes(cfg) == ('hop', 'jump', 'run')
    assert num_detector_classes(cfg) == 1
    joined = dict(datasets=[cfg, _config(data_root)])
    with pytest.raises(ValueError, match='class_agnostic must be the same'):
        num_detector_classes(joined)


def test_names_of_a_missing_file_are_unknown_unless_given(data_root):
    cfg = _config(data_root, ann_file='none.json')
    assert dataset_classes(cfg) is None
    assert num_detector_classes(cfg) is None
    assert num_detector_classes(dict(cfg, class_agnostic=True)) == 1
    assert num_detector_classes(dict(cfg, type='THUMOS14Dataset')) == 20
    other = dict(type='mmaction.ActivityNetDataset', ann_file='none.json')
    assert dataset_classes(other) is None


def _options(serialize_data):
    return dict(serialize_data=serialize_data, pipeline=[], indices=[0])


@pytest.mark.parametrize('serialize_data', [True, False])
@pytest.mark.parametrize('lazy', [True, False])
def test_labels_follow_other_classes_by_name(make_dataset, serialize_data,
                                             lazy):
    dataset = make_dataset(lazy_init=lazy, **_options(serialize_data))
    own = ('hop', 'jump', 'run')
    assert lazy or dataset.metainfo['classes'] == own
    # 'hop' has no action in this subset and needs no label
    cases = [
        (('run', 'fly'), ('run', 'fly', 'jump'), [0, 0, 2]),
        (('jump', 'hop', 'run'), ('jump', 'hop', 'run'), [2, 2, 0]),
        (['fly'], ('fly', 'jump', 'run'), [2, 2, 1]),
        (own, own, [2, 2, 1]),
    ]
    for classes, expected, labels in cases:
        dataset.use_classes(classes)
        dataset.full_init()
        assert dataset.metainfo['classes'] == expected
        for _ in range(2):
            assert dataset.get_data_info(0)['labels_s'].tolist() == labels
        assert dataset.get_cat_ids(0) == labels
        subset = dataset.get_subset([0])
        assert subset.metainfo['classes'] == expected
        assert subset[0]['labels_s'].tolist() == labels


def test_wrong_classes_are_refused(make_dataset):
    cases = [('run', TypeError), (['a', 'a'], ValueError), ((), ValueError)]
    for classes, kind in cases:
        with pytest.raises(kind, match='classes must be'):
            make_dataset().use_classes(classes)


def test_labels_on_the_grid_stay_without_classes(make_dataset):
    dataset = make_dataset(
        class_agnostic=True, pipeline=[dict(type='dyfadet_mm.SecondsToGrid')])
    dataset.use_classes(['run', 'jump'])
    assert dataset[0]['labels_s'].tolist() == [0, 0, 1]
    assert dataset[0]['labels'].tolist() == [0, 0, 0]


def test_names_of_classes_without_data_are_not_appended(write_set):
    from dyfadet_mm.datasets import EpicKitchens100Dataset
    action = dict(segment=[0, 1], label='take', label_id=2)
    entry = dict(subset='train', duration=2, annotations=[action])
    options = write_set(dict(a=entry), 'a.npy', subset='train', task='verb')
    dataset = EpicKitchens100Dataset(**options)
    names = [f'verb_{i}' for i in range(96)] + ['take']
    dataset.use_classes(names)
    assert dataset.metainfo['classes'] == tuple(names)
    assert dataset[0]['labels_s'].tolist() == [96]


def test_wrapped_data_sets_are_numbered_alike(data_root):
    """Each adds classes of its own, which must not share a label."""
    options = dict(
        type='dyfadet_mm.TADDataset',
        data_prefix=dict(feats='feats'),
        pipeline=[])
    datasets = [_config(data_root, subset=k, **options) for k in SUBSETS]
    joined = RepeatDataset(dict(type='ConcatDataset', datasets=datasets), 2)
    expected = ('fly', 'run', 'jump', 'hop')
    assert use_classes(joined, ['fly', 'run']) == expected
    for dataset in (joined, joined.dataset, *joined.dataset.datasets):
        assert dataset.metainfo['classes'] == expected
    labels = [joined[i]['labels_s'] for i in (0, 2, 3)]
    assert np.concatenate(labels).tolist() == [1, 1, 2, 3, 1, 1, 2]
