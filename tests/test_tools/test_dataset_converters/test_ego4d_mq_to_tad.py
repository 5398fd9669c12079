import pytest
from hypothesis import given
from hypothesis import strategies as st

QUOTED = '"read_a_book_/_magazine,_list_etc."'
NAMES = [QUOTED] + [f'action_{i:03d}' for i in range(109)]


def label(start, end, name, primary=True):
    return dict(
        start_time=start,
        end_time=end,
        label=name,
        primary=primary,
        video_start_time=100 + start)


def clip(uid, seconds, frames, *annotators):
    return dict(
        clip_uid=uid,
        video_start_sec=seconds[0],
        video_end_sec=seconds[1],
        video_start_frame=frames[0],
        video_end_frame=frames[1],
        clip_start_sec=0,
        annotations=[
            dict(annotator_uid=str(i), labels=labels)
            for i, labels in enumerate(annotators)
        ])


def moments(split, *clips):
    video = dict(video_uid='a-b', split=split, clips=list(clips))
    return dict(version='1.0', split=split, videos=[video])


@pytest.fixture
def train(write_json):
    """A clip at the start of its video with all labels, and bad rates."""
    return write_json(
        'moments_train.json',
        moments(
            'train',
            clip('full', (-0.02, 480.), (-1, 14400),
                 [label(i, i + 1, name)
                  for i, name in enumerate(NAMES[::-1])]),
            clip('slow', (0, 480.), (0, 480), [label(0, 1, NAMES[5])]),
            clip('fast', (0, 1.), (0, 101), [label(0, 1, NAMES[5])]),
            clip('still', (5, 5), (0, 101), [label(0, 1, NAMES[5])])))


@pytest.fixture
def val(write_json):
    return write_json(
        'moments_val.json',
        moments(
            'val',
            clip('later', (100.0, 110.0), (2997, 3297), [
                label(0.5, 2, QUOTED),
                label(1, 5, 'not one of the 110', primary=False),
                label(3, 3.24, 'action_000'),
                label(3, 3.25, 'action_000'),
            ], [label(0.5, 2.004, QUOTED)]),
            clip('empty', (0, 8.0), (0, 240), [
                label(3, 3.2, 'action_000'),
                label(3, 2, 'action_000'),
            ])))


def test_rules_of_the_published_file(run_script, read_back, train, val,
                                     tmp_path):
    out = tmp_path / 'ego4d_mq.json'
    text = run_script('ego4d_mq_to_tad', train, val, '--out', out)
    classes, training = read_back(out, 'training')
    assert classes == tuple(NAMES)  # quotes sort first
    assert list(training) == ['full']
    # 14400 frames: 898 strides of 16 and a window of 32 fit exactly
    assert training['full'][:2] == (480, 30)
    assert training['full'][2][0] == (0, 1, 109)
    # frame 2997 moves back to 2992, 5 frames or 1/6 s; 305 frames become 320
    assert read_back(out, 'validation')[1] == dict(
        later=(10.67, 30, [(0.67, 2.17, 0), (3.17, 3.42, 1), (0.67, 2.17, 0)]))
    for line in ('dropped: 3 clips outside of 10 to 100 fps',
                 'dropped: 3 actions shorter than 0.25 s',
                 'dropped: 1 clips without actions',
                 'validation: 1 videos, 3 actions'):
        assert line in text


@given(st.integers(0, 10**6), st.integers(1, 2 * 10**4))
def test_aligned_clip_is_the_smallest_that_fits(converter, start, length):
    first, end = converter('ego4d_mq_to_tad').align(start, start + length)
    assert first % 16 == 0 and 0 <= start - first < 16
    assert end - first >= 32 and (end - first - 32) % 16 == 0
    assert end >= start + length
    assert end - first == 32 or end - 16 < start + length


def test_rates_are_rounded_last(converter, write_json):
    """29.97 fps, off the grid by 15 frames."""
    path = write_json(
        'moments_val.json',
        moments('val', clip('c', (0.5, 100.6), (15, 3015),
                            [label(1, 2, 'x')])))
    result = converter('ego4d_mq_to_tad').convert([str(path)], ['x'])
    fps = 3000 / 100.1
    assert result.database == dict(
        c=dict(
            subset='validation',
            duration=round((32 + 187 * 16) / fps, 2),
            fps=29.97,
            annotations=[
                dict(
                    segment=[round(1 + 15 / fps, 2),
                             round(2 + 15 / fps, 2)],
                    label='x',
                    label_id=0)
            ]))


def test_one_file_lacks_classes(refused, val, tmp_path):
    text = refused('ego4d_mq_to_tad', val, '--out', tmp_path / 'out.json')
    assert 'must have 110 primary labels together' in text and 'got 2' in text


def test_label_map_keeps_its_quotes(converter, read_back, val, tmp_path):
    names = tmp_path / 'label_map.txt'
    names.write_text('\n'.join(NAMES))
    out = tmp_path / 'out.json'
    converter('ego4d_mq_to_tad').main(
        [str(val), '--classes',
         str(names), '--out',
         str(out)])
    _, videos = read_back(out, 'validation', classes=NAMES)
    assert [x[2] for x in videos['later'][2]] == [0, 1, 0]


LABEL = label(0, 1, 'x')


@pytest.mark.parametrize('content, complaint', [
    (dict(database={}), "must have 'videos', but got the keys ['database']"),
    ([], "must be an object with 'videos'"),
    (dict(videos={}), 'videos must be a list'),
    (moments('test'), 'videos[0]: split must be one of'),
    (moments('val', clip('a', (0, 1), (0, 30)),
             clip('a', (0, 1),
                  (0, 30))), "videos[0], clips[1]: clip 'a' must be unique"),
    (moments('val', dict(clip_uid='a', annotations=[])),
     "videos[0], clips[0] must have 'video_start_sec'"),
    (moments('val', clip(
        'a', (0, 'x'),
        (0, 30), [LABEL])), 'clips[0]: video_end_sec must be a finite number'),
    (moments('val', clip('a', (0, 1), (0, 30), [dict(label='x')])),
     "clips[0], annotations[0], labels[0] must have 'primary'"),
    (moments('val', clip('a', (0, 1), (0, 30), [dict(LABEL, end_time=None)])),
     "labels[0] must have 'end_time'"),
    (moments('val', clip(
        'a', (0, 1),
        (0, 30), [label(0, 1, 'y')])), "1 others, such as 'y' in video 'a'"),
])
def test_bad_files_are_named(refused, write_json, tmp_path, content,
                             complaint):
    path = write_json('moments_val.json', content)
    classes = write_json('classes.json', ['x'])
    text = refused('ego4d_mq_to_tad', path, '--classes', classes, '--out',
                   tmp_path / 'out.json')
    assert complaint in text
    assert not (tmp_path / 'out.json').exists()
