import json
import os.path as osp

import numpy as np
import pytest

from dyfadet_mm.datasets import THUMOS14Dataset

ANN_FILE = osp.join(
    osp.dirname(__file__), '../../../shared/data/thumos14.json')


def test_twenty_classes_in_alphabetical_order():
    classes = THUMOS14Dataset.METAINFO['classes']
    assert len(classes) == 20 and list(classes) == sorted(classes)
    assert classes.index('CricketBowling') == 5


def test_a_class_absent_from_the_file_keeps_its_label(tmp_path):
    np.save(tmp_path / 'a.npy', np.ones((4, 2)))
    action = dict(segment=[0, 1], label='VolleyballSpiking', label_id=0)
    entry = dict(subset='Test', duration=1, fps=30, annotations=[action])
    path = tmp_path / 'ann.json'
    path.write_text(json.dumps(dict(database=dict(a=entry))))
    dataset = THUMOS14Dataset(
        ann_file=str(path),
        subset='test',
        data_prefix=dict(feats=str(tmp_path)),
        feat_stride=4,
        feat_num_frames=16)
    assert dataset.get_data_info(0)['labels_s'].tolist() == [19]


def test_videos_without_features_are_skipped(write_set):
    """OpenTAD's names of the subsets, and its frames instead of fps."""
    action = dict(segment=[0, 1], label='Diving')
    entry = dict(
        subset='training', duration=4., frame=120, annotations=[action])
    options = write_set(dict(a=entry, b=entry), 'b.npy', subset='training')
    [info] = THUMOS14Dataset(**options)
    assert (info['video_id'], info['fps']) == ('b', 30)
    with pytest.raises(FileNotFoundError, match="video 'a'"):
        THUMOS14Dataset(**options, filter_missing=False)


def test_ambiguous_annotations_are_ignored(write_set):
    actions = [
        dict(segment=[0, 1], label=name)
        for name in ('Ambiguous', 'Diving', 'Ambiguous')
    ]
    entry = dict(subset='test', duration=4., fps=30., annotations=actions)
    options = write_set(dict(a=entry), 'a.npy', subset='test')
    assert THUMOS14Dataset(**options)[0]['labels_s'].tolist() == [7]
    with pytest.raises(ValueError, match="got 'Ambiguous'"):
        THUMOS14Dataset(**options, ignore_labels=())
    with pytest.raises(ValueError, match='must not be among ignore_labels'):
        THUMOS14Dataset(
            **options, metainfo=dict(classes=['Diving', 'Ambiguous']))


@pytest.mark.skipif(not osp.exists(ANN_FILE), reason='../shared is absent')
@pytest.mark.parametrize('subset, num_videos, num_actions',
                         [('validation', 200, 3007), ('test', 212, 3358)])
def test_real_annotations_load(tmp_path, subset, num_videos, num_actions):
    with open(ANN_FILE) as file:
        names = json.load(file)['database']
    for name in names:
        (tmp_path / f'{name}.npy').touch()
    dataset = THUMOS14Dataset(
        ann_file=osp.abspath(ANN_FILE),
        subset=subset,
        data_prefix=dict(feats=str(tmp_path)),
        feat_stride=4,
        feat_num_frames=16)
    assert len(dataset) == num_videos
    labels = [dataset.get_cat_ids(i) for i in range(num_videos)]
    assert sum(map(len, labels)) == num_actions
