import copy
import json
import os
import pickle

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.logging import MMLogger
from torch.utils.data import DataLoader

from dyfadet_mm.registry import DATASETS

PIPELINE = [
    dict(type='dyfadet_mm.LoadFeatures'),
    dict(type='dyfadet_mm.SecondsToGrid'),
    dict(type='dyfadet_mm.RandomTruncate', max_seq_len=12, trunc_thresh=0.1),
    dict(type='dyfadet_mm.PackTADInputs')
]


def _edit(data_root, edit):
    """Change the annotation file."""
    path = data_root / 'ann.json'
    content = json.loads(path.read_text())
    edit(content['database'])
    path.write_text(json.dumps(content))


def _keep_first_number(results):
    return results['rng'].integers(2**62)


def test_three_videos_come_back_as_written(make_dataset, data_root):
    dataset = make_dataset()
    assert len(dataset) == 2
    info = dataset.get_data_info(0)
    assert info['video_id'] == 'long'
    assert (info['duration'], info['fps']) == (8., 10.)
    assert (info['feat_stride'], info['feat_num_frames']) == (4, 8)
    assert info['feature_paths'] == dict(
        feats=str(data_root / 'feats' / 'long.npy'))
    assert info['segments_s'].tolist() == [[1, 2], [1, 2], [-0.1, 6.5]]
    assert info['labels_s'].tolist() == [2, 2, 1]
    assert dataset.get_data_info(1)['segments_s'].shape == (0, 2)


def test_classes_of_the_whole_file_are_in_label_order(make_dataset):
    for subset in ('train', 'test', ['train', 'TEST']):
        dataset = make_dataset(subset=subset)
        assert dataset.metainfo['classes'] == ('hop', 'jump', 'run')


def test_given_classes_win(make_dataset, tmp_path):
    names = ['run', 'jump', 'hop', 'fly']
    dataset = make_dataset(metainfo=dict(classes=names))
    assert dataset.metainfo['classes'] == tuple(names)
    assert dataset.get_data_info(0)['labels_s'].tolist() == [0, 0, 1]
    path = tmp_path / 'classes.txt'
    path.write_text('\n'.join(names))
    dataset = make_dataset(metainfo=dict(classes=str(path)))
    assert dataset.metainfo['classes'] == tuple(names)


def test_unknown_label_is_refused(make_dataset):
    with pytest.raises(
            ValueError,
            match="'long' must be one of the 2 classes"
            ".*got 'run'.*closest"):
        make_dataset(metainfo=dict(classes=('hop', 'jump')))


def test_given_fps_wins_over_the_file(make_dataset):
    assert make_dataset(fps=25).get_data_info(0)['fps'] == 25


def test_prefix_and_suffix_surround_the_video_id(make_dataset, data_root):
    for name in ('long', 'short'):
        os.rename(data_root / 'feats' / f'{name}.npy',
                  data_root / 'feats' / f'v_{name}_rgb.npy')
    dataset = make_dataset(file_prefix='v_', file_suffix='_rgb.npy')
    [path] = dataset.get_data_info(0)['feature_paths'].values()
    assert path == str(data_root / 'feats' / 'v_long_rgb.npy')


def test_remote_folders_are_joined_but_not_searched(make_dataset, data_root):
    dataset = make_dataset(
        data_root='http://127.0.0.1:9/set',
        ann_file=str(data_root / 'ann.json'))
    assert dataset.get_data_info(0)['feature_paths'] == dict(
        feats='http://127.0.0.1:9/set/feats/long.npy')
    with pytest.raises(
            NotImplementedError, match='HTTPBackend.*filter_missing=False'):
        make_dataset(
            data_root='http://127.0.0.1:9/set',
            ann_file=str(data_root / 'ann.json'),
            filter_missing=True)


def test_missing_file_names_video_path_and_remedy(make_dataset, data_root):
    path = data_root / 'feats' / 'short.npy'
    path.unlink()
    with pytest.raises(FileNotFoundError) as error:
        make_dataset()
    text = str(error.value)
    assert "'short'" in text and repr(str(path)) in text
    assert 'filter_missing=True' in text


def test_filter_missing_skips_and_counts(make_dataset, data_root, capsys):
    (data_root / 'feats' / 'short.npy').unlink()
    MMLogger.get_instance('filter_missing', log_level='INFO')
    dataset = make_dataset(filter_missing=True)
    assert len(dataset) == 1
    assert dataset.get_data_info(0)['video_id'] == 'long'
    logged = ''.join(capsys.readouterr())
    assert 'skipped 1 of 2 videos' in logged and 'short' in logged


def test_a_video_needs_all_of_its_sources(make_dataset, data_root, capsys):
    (data_root / 'flow' / 'train').mkdir(parents=True)
    np.save(data_root / 'flow' / 'train' / 'v_long.npy', np.ones((4, 2)))
    (data_root / 'flow' / 'test').mkdir()
    options = dict(
        data_prefix=dict(rgb='feats/', flow='flow/{subset}/'),
        file_prefix=dict(rgb='', flow='v_'))
    with pytest.raises(FileNotFoundError) as error:
        make_dataset(**options)
    text = str(error.value)
    path = data_root / 'flow' / 'train' / 'v_short.npy'
    assert "source 'flow' of data_prefix" in text and "'short'" in text
    assert repr(str(path)) in text
    MMLogger.get_instance('sources', log_level='INFO')
    dataset = make_dataset(**options, filter_missing=True)
    assert 'skipped 1 of 2 videos' in ''.join(capsys.readouterr())
    assert [info['video_id'] for info in dataset] == ['long']
    assert dataset.get_data_info(0)['feature_paths'] == dict(
        rgb=str(data_root / 'feats' / 'long.npy'),
        flow=str(data_root / 'flow' / 'train' / 'v_long.npy'))


def test_subset_folders_are_those_of_each_video(make_dataset, data_root):
    for name in ('train', 'test'):
        (data_root / name).mkdir()
    for name, folder in dict(
            long='train', short='train', held_out='test').items():
        os.rename(data_root / 'feats' / f'{name}.npy',
                  data_root / folder / f'{name}.npy')
    dataset = make_dataset(
        subset=['Train', 'Test'], data_prefix=dict(feats='{subset}'))
    folders = [
        os.path.basename(os.path.dirname(info['feature_paths']['feats']))
        for info in dataset
    ]
    assert folders == ['train', 'train', 'test']


def test_suffixes_differ_by_source(make_dataset, data_root):
    for name in ('long', 'short'):
        (data_root / 'feats' / f'{name}.pt').touch()
    dataset = make_dataset(
        data_prefix=dict(a='feats', b='feats'),
        file_suffix=dict(b='.pt', a='.npy'))
    assert [
        os.path.basename(path)
        for path in dataset.get_data_info(1)['feature_paths'].values()
    ] == ['short.npy', 'short.pt']


def test_one_file_may_hold_all_videos(make_dataset, data_root):
    h5py = pytest.importorskip('h5py')
    with h5py.File(data_root / 'all.hdf5', 'w') as file:
        for name in ('long', 'short'):
            file[f'v_{name}'] = np.full((4, 3), len(name))
    dataset = make_dataset(
        data_prefix=dict(feats='all.hdf5'),
        file_prefix='v_',
        file_suffix='',
        pipeline=[
            dict(
                type='dyfadet_mm.LoadFeatures',
                reader=dict(type='dyfadet_mm.HDF5Reader'))
        ])
    assert dataset.get_data_info(1)['feature_paths']['feats'] == str(
        data_root / 'all.hdf5' / 'v_short')
    assert [results['feats'][0, 0] for results in dataset] == [4, 5]


def test_excluded_videos_need_no_features(make_dataset, data_root, capsys):
    (data_root / 'feats' / 'short.npy').unlink()
    MMLogger.get_instance('exclude', log_level='INFO')
    dataset = make_dataset(exclude=['short', 'held_out'])
    assert [info['video_id'] for info in dataset] == ['long']
    assert 'excluded 1 of 2 videos' in ''.join(capsys.readouterr())
    (data_root / 'missing_files.txt').write_text('held_out\n short \n\n')
    dataset = make_dataset(exclude='missing_files.txt')
    assert [info['video_id'] for info in dataset] == ['long']
    assert dataset.metainfo['classes'] == ('hop', 'jump', 'run')


@pytest.mark.parametrize('test_mode, names', [(False, ['long']),
                                              (True, ['long', 'short'])])
def test_videos_without_actions_are_left_out_of_training(
        make_dataset, test_mode, names):
    dataset = make_dataset(
        filter_cfg=dict(filter_empty_gt=True), test_mode=test_mode)
    assert [info['video_id'] for info in dataset] == names


def test_short_actions_are_dropped_in_testing_too(make_dataset):
    for test_mode in (False, True):
        info = make_dataset(
            filter_cfg=dict(min_action_length=1.5),
            test_mode=test_mode).get_data_info(0)
        assert info['segments_s'].tolist() == [[-0.1, 6.5]]
        assert info['labels_s'].tolist() == [1]
    dataset = make_dataset(filter_cfg=dict(min_action_length=1.))
    assert len(dataset.get_data_info(0)['labels_s']) == 3
    with pytest.raises(ValueError, match="subset 'train' .* got none"):
        make_dataset(
            filter_cfg=dict(min_action_length=60., filter_empty_gt=True))


def test_spread_features_need_no_stride(make_dataset):
    dataset = make_dataset(
        feat_stride=None,
        feat_num_frames=None,
        pipeline=[
            PIPELINE[0],
            dict(type='dyfadet_mm.SpreadFeatures'), PIPELINE[1], PIPELINE[3]
        ])
    sample = dataset[0]['data_samples']
    # 8 s at 10 fps in 20 cells of 4 frames: 1 s is 10 / 4 - 0.5 cells
    assert (sample.feat_stride, sample.feat_num_frames) == (4, 4)
    assert sample.gt_instances.grid_segments[0].tolist() == [2, 4.5]
    assert sample.gt_instances.segments[0].tolist() == [1, 2]
    with pytest.raises(ValueError, match='feat_stride.*SpreadFeatures'):
        make_dataset(
            feat_stride=None, feat_num_frames=8, pipeline=PIPELINE[:2])[0]


def test_nothing_left_is_an_error(make_dataset, data_root):
    for name in ('short', 'long'):
        (data_root / 'feats' / f'{name}.npy').unlink()
    with pytest.raises(FileNotFoundError, match='1 more of 2 videos'):
        make_dataset(filter_missing=True)


def test_duplicates_are_dropped_on_request(make_dataset):
    info = make_dataset(remove_duplicates=True).get_data_info(0)
    assert info['segments_s'].tolist() == [[1, 2], [-0.1, 6.5]]
    assert info['labels_s'].tolist() == [2, 1]


def test_class_agnostic_training_keeps_the_original_labels(
        make_dataset, data_root):
    _edit(
        data_root, lambda database: database['long']['annotations'][1].update(
            label='hop'))
    dataset = make_dataset(
        class_agnostic=True, remove_duplicates=True, pipeline=PIPELINE[:2])
    results = dataset[0]
    assert results['labels'].tolist() == [0, 0, 0]  # none was a duplicate
    assert results['labels_s'].tolist() == [2, 0, 1]
    assert dataset.metainfo['classes'] == ('hop', 'jump', 'run')


@pytest.mark.parametrize('test_mode', [False, True])
def test_videos_without_actions_pass_the_pipeline(make_dataset, test_mode):
    sample = make_dataset(pipeline=PIPELINE, test_mode=test_mode)[1]
    assert sample['inputs'].shape[0] == 3
    assert len(sample['data_samples'].gt_instances) == 0


@pytest.mark.parametrize('options, kind, words', [
    (dict(subset='val'), ValueError, r"one of \['TEST', 'Train', 'train'\]"),
    (dict(feat_stride=0), ValueError, 'feat_stride must be above 0'),
    (dict(feat_num_frames=-1), ValueError, 'feat_num_frames must be above 0'),
    (dict(fps=0), ValueError, 'fps must be above 0'),
    (dict(data_prefix={}), ValueError, 'data_prefix must name a folder'),
    (dict(file_prefix=dict(rgb='v_')), ValueError,
     r"file_prefix must .* data_prefix, \['feats'\], but got {'rgb'"),
    (dict(file_suffix={}), ValueError, 'file_suffix must be a string or'),
    (dict(filter_cfg=dict(min_size=3)), ValueError,
     r"filter_cfg must have keys of .* got \['min_size'\]"),
    (dict(exclude='none.txt'), FileNotFoundError, 'none.txt'),
    (dict(exclude=['long', 'short']), ValueError, 'exclude must leave some'),
    (dict(metainfo=dict(classes='run')), TypeError, 'sequence of names'),
    (dict(ann_file='none.json'), FileNotFoundError, 'none.json'),
    (dict(feature_suffix='.npy'), TypeError, 'feature_suffix'),
])
def test_bad_arguments_are_refused(make_dataset, options, kind, words):
    with pytest.raises(kind, match=words):
        make_dataset(**options)


def test_lazy_dataset_loads_when_asked(make_dataset):
    dataset = make_dataset(lazy_init=True, ann_file='none.json')
    with pytest.raises(FileNotFoundError):
        dataset.full_init()


@pytest.mark.parametrize('serialize_data', [True, False])
def test_samples_do_not_share_arrays(make_dataset, serialize_data):
    dataset = make_dataset(serialize_data=serialize_data)
    dataset.get_data_info(0)['segments_s'][:] = 0
    assert dataset.get_data_info(0)['segments_s'].any()


def test_class_balanced_wrapper_finds_the_labels(make_dataset):
    assert make_dataset().get_cat_ids(0) == [2, 2, 1]


def test_random_numbers_depend_on_seed_epoch_and_index(make_dataset):
    dataset = make_dataset(pipeline=[_keep_first_number])
    numbers = {}
    for seed in (0, 7):
        for epoch in (0, 1):
            dataset.set_epoch(epoch, seed)
            for index in (0, 1):
                numbers[seed, epoch, index] = dataset[index]
    assert len(set(numbers.values())) == 8
    dataset.set_epoch(0)  # keeps the seed
    assert dataset[1] == dataset[-1] == numbers[7, 0, 1]


@pytest.mark.parametrize('numbers', [(-1, ), (0, -1)])
def test_negative_epoch_or_seed_is_refused(make_dataset, numbers):
    with pytest.raises(ValueError, match='must be at least 0, but got -1'):
        make_dataset().set_epoch(*numbers)


@pytest.mark.parametrize('clone', [
    copy.deepcopy, lambda dataset: pickle.loads(pickle.dumps(dataset)),
    lambda dataset: dataset.get_subset([0])
])
def test_a_copy_keeps_its_own_epoch(make_dataset, clone):
    dataset = make_dataset(pipeline=[_keep_first_number])
    dataset.set_epoch(3, 5)
    expected = dataset[0]
    other = clone(dataset)
    assert other[0] == expected
    other.set_epoch(4)
    assert dataset[0] == expected != other[0]


def _two_epochs(dataset, num_workers, persistent_workers=False):
    """Inputs of all samples over two epochs, with every loader setting."""
    loader = DataLoader(
        dataset,
        batch_size=1,
        num_workers=num_workers,
        persistent_workers=persistent_workers,
        collate_fn=pseudo_collate)
    samples = []
    for epoch in range(2):
        dataset.set_epoch(epoch, seed=11)
        for batch in loader:
            samples.append(batch['inputs'][0])
    return samples


@pytest.mark.parametrize('num_workers, persistent', [(1, False), (2, False),
                                                     (2, True)])
def test_samples_do_not_depend_on_workers(make_dataset, num_workers,
                                          persistent):
    dataset = make_dataset(subset=['train', 'test'], pipeline=PIPELINE)
    expected = _two_epochs(dataset, 0)
    found = _two_epochs(dataset, num_workers, persistent)
    assert len(expected) == 6
    for a, b in zip(expected, found):
        assert torch.equal(a, b)
    changed = [
        not torch.equal(a, b) for a, b in zip(expected[:3], expected[3:])
    ]
    assert any(changed)  # the second epoch differs


@pytest.mark.parametrize('num_workers, persistent', [(0, False), (2, False),
                                                     (2, True)])
def test_visits_count_the_epochs_that_nobody_tells(make_dataset, num_workers,
                                                   persistent):
    options = dict(subset=['train', 'test'], pipeline=[_keep_first_number])
    told, untold = make_dataset(**options), make_dataset(**options)
    expected = []
    for epoch in range(3):
        told.set_epoch(epoch)
        expected.append([told[index] for index in range(3)])
    loader = DataLoader(
        untold,
        batch_size=1,
        num_workers=num_workers,
        persistent_workers=persistent)
    assert [[int(i) for i in loader] for _ in range(3)] == expected
    assert len({number for numbers in expected for number in numbers}) == 9
    untold.full_init()  # as a data loader of MMEngine does
    assert untold[0] not in [numbers[0] for numbers in expected]


def test_a_sample_in_testing_is_always_the_same(make_dataset):
    dataset = make_dataset(pipeline=[_keep_first_number], test_mode=True)
    assert dataset[0] == dataset[0] != dataset[1]


@pytest.mark.parametrize('num_workers', [0, 1, 2])
def test_features_are_kept_over_epochs(make_dataset, data_root, num_workers):
    dataset = make_dataset(subset=['train', 'test'], pipeline=PIPELINE)
    loader = DataLoader(
        dataset,
        batch_size=1,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        collate_fn=pseudo_collate)
    dataset.set_epoch(0)  # the same windows twice
    expected = [batch['inputs'][0] for batch in loader]
    for path in (data_root / 'feats').iterdir():
        path.unlink()
    # without shuffling, a video goes to the same worker every time
    found = [batch['inputs'][0] for batch in loader]
    assert len(expected) == 3
    assert all(torch.equal(a, b) for a, b in zip(expected, found))


def test_whole_pipeline_by_hand(make_dataset):
    config = dict(
        type='dyfadet_mm.TADDataset',
        ann_file='ann.json',
        subset='TEST',
        data_root=make_dataset().data_root,
        data_prefix=dict(feats='feats'),
        feat_stride=4,
        feat_num_frames=8,
        pipeline=[PIPELINE[0], PIPELINE[1], PIPELINE[3]],
        test_mode=True)
    sample = DATASETS.build(config)[0]
    assert sample['inputs'].shape == (3, 20)
    assert sample['inputs'][:, 1].tolist() == [3, 4, 5]
    gt = sample['data_samples'].gt_instances
    # (0.5 s * 20 fps - 8 / 2) / 4 = 1.5 and (1.5 * 20 - 4) / 4 = 6.5
    assert gt.grid_segments.tolist() == [[1.5, 6.5]]
    assert gt.segments.tolist() == [[0.5, 1.5]]
    assert gt.labels.tolist() == [0]
    assert np.array_equal(sample['data_samples'].gt_segments, [[0.5, 1.5]])


def _reverse(database):
    database['long']['annotations'][0]['segment'].reverse()
    database['short']['annotations'] = [dict(segment=[2, 1], label='hop')]


def test_reversed_actions_are_set_aside(make_dataset, data_root, capsys):
    """No target, but ground truth; a video of theirs alone is empty."""
    _edit(data_root, _reverse)
    MMLogger.get_instance('reversed', log_level='INFO')
    dataset = make_dataset(pipeline=[PIPELINE[0], PIPELINE[1], PIPELINE[3]])
    logged = ' '.join(''.join(capsys.readouterr()).split())
    assert ('2 actions in 2 of 2 videos end before they start: '
            "'long' [2.0, 1.0], 'short' [2.0, 1.0];" in logged)
    sample = dataset[0]['data_samples']
    assert sample.gt_instances.labels.tolist() == [2, 1]
    assert sample.gt_segments.tolist() == [[2, 1], [1, 2], [-0.1, 6.5]]
    assert sample.gt_labels.tolist() == [2, 2, 1]
    assert [dataset.get_cat_ids(i) for i in range(2)] == [[2, 1], []]
    for filter_cfg, options, names in ((dict(filter_empty_gt=True), {}, [
            'long'
    ]), (dict(filter_empty_gt=True), dict(test_mode=True),
         ['long',
          'short']), (dict(min_action_length=0.), {}, ['long', 'short'])):
        dataset = make_dataset(filter_cfg=filter_cfg, **options)
        assert [info['video_id'] for info in dataset] == names
    # a least length leaves them out of the ground truth too
    assert dataset.get_data_info(0)['labels_s'].tolist() == [2, 1]


@pytest.mark.parametrize('step', [
    dict(type='dyfadet_mm.ClipActions', min_share=0.),
    dict(type='dyfadet_mm.RandomTruncate', max_seq_len=12)
])
def test_no_step_sees_a_reversed_action(make_dataset, data_root, step):
    _edit(data_root, _reverse)
    dataset = make_dataset(pipeline=[*PIPELINE[:2], step, PIPELINE[3]])
    for index in (0, 1):
        segments = dataset[index]['data_samples'].gt_instances.segments
        assert (segments[:, 0] <= segments[:, 1]).all()
    assert len(segments) == 0


def test_labels_are_ignored_by_name(make_dataset, data_root, capsys):
    MMLogger.get_instance('ignored', log_level='INFO')
    dataset = make_dataset(ignore_labels='run')
    assert ('ignored 2 annotations in 1 of 2 videos'
            in ' '.join(''.join(capsys.readouterr()).split()))
    assert dataset.metainfo['classes'] == ('hop', 'jump')
    assert dataset.get_data_info(0)['segments_s'].tolist() == [[-0.1, 6.5]]
    assert dataset.get_cat_ids(0) == [1]


def test_new_videos_load_in_testing_only(make_dataset, data_root):
    _edit(
        data_root, lambda database:
        [entry.pop('annotations') for entry in database.values()])
    dataset = make_dataset(test_mode=True, pipeline=PIPELINE)
    assert dataset.metainfo['classes'] == ()
    assert dataset.find_classes() == ()
    assert dataset[0]['data_samples'].gt_labels.shape == (0, )
    dataset.use_classes(['run', 'jump'])
    assert dataset.metainfo['classes'] == ('run', 'jump')
    with pytest.raises(ValueError, match='classes must be given'):
        make_dataset()
