from dyfadet_mm.datasets import Ego4DMQDataset

LABELS = ('"adjust_/_turn_on/off_tap, knob"', 'arrange_/_organize_items')


def _entry(subset, *actions, **fields):
    return dict(
        subset=subset,
        duration=480.02,
        annotations=[
            dict(segment=segment, label=LABELS[label], label_id=label)
            for segment, label in actions
        ],
        **fields)


def test_clips_without_features_are_left_out(write_set):
    database = dict(
        one=_entry('training', ([1, 1.25], 1), ([1, 1.25], 1), fps=29.9),
        two=_entry('training', ([1, 2], 0), fps=30.))
    options = write_set(
        database,
        'slowfast/one.npy',
        'slowfast/two.npy',
        'egovlp/one.npy',
        subset='training',
        data_prefix=dict(slowfast='slowfast', egovlp='egovlp'))
    [info] = dataset = Ego4DMQDataset(**options)
    assert (info['video_id'], info['fps']) == ('one', 30)
    assert info['labels_s'].tolist() == [1, 1]  # duplicates stay
    assert dataset.metainfo['classes'] == LABELS


def test_opentad_file_without_annotations_and_with_short_actions(write_set):
    train = _entry('train', ([1, 1.2], 0), ([2, 3], 1), frame=14400)
    database = dict(
        one=train, two=dict(subset='test', duration=480., frame=14400))
    options = write_set(database, 'one.npy', 'two.npy')
    [info] = Ego4DMQDataset(
        **options, subset='train', filter_cfg=dict(min_action_length=0.25))
    assert info['segments_s'].tolist() == [[2, 3]]
    [info] = Ego4DMQDataset(**options, subset='test', fps=None)
    assert info['fps'] == 30 and len(info['labels_s']) == 0
