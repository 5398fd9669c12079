import json

import pytest

# "Archery" before "BMX" before "Baking cookies", as ASCII sorts them
NAMES = ['Archery', 'BMX', 'Baking cookies'
         ] + [f'Class {i:03d}' for i in range(197)]


@pytest.fixture
def anet(write_json, official, video):
    return write_json(
        'anet.json',
        official(
            NAMES[::-1],
            flash=video('training', 20, (1, 1.01, 'BMX'), (5, 5, 'Archery')),
            brief=video('training', 20, (1, 1.02, 'BMX'), (3, 3.01, 'BMX')),
            glimpse=video('validation', 30, (2.5, 2.51, 'BMX')),
            late=video('validation', 30, (29, 31.5, 'Archery')),
            hidden=video('testing', 12)))


def test_activitynet_as_published(run_script, read_back, anet, tmp_path):
    out = tmp_path / 'new/out.json'
    text = run_script('activitynet_to_tad', anet, '--out', out)
    classes, training = read_back(out, 'training', fps=15)
    assert classes == tuple(NAMES)
    assert list(training) == ['all', 'brief']  # 'flash' is 0.01 s at most
    assert training['brief'] == (20, 15, [(1, 1.02, 1), (3, 3.01, 1)])
    assert training['all'][2][-1] == (199, 199.5, 0)
    _, validation = read_back(out, 'validation', fps=15)
    assert validation == dict(
        glimpse=(30, 15, [(2.5, 2.51, 1)]), late=(30, 15, [(29, 31.5, 0)]))
    assert read_back(out, 'testing', fps=15)[1] == dict(hidden=(12, 15, []))
    stored = json.loads(out.read_text())['database']['late']
    assert stored == dict(
        subset='validation',
        duration=30.0,
        annotations=[dict(segment=[29, 31.5], label='Archery', label_id=0)])
    for line in ('200 classes', 'training: 2 videos, 202 actions',
                 'dropped: 1 actions of no length',
                 'dropped: 1 training videos without longer actions than 0.01',
                 '1 actions end after their video', '5 videos have no fps'):
        assert line in text


def test_reader_asks_for_fps_that_only_the_config_knows(
        converter, read_back, anet, tmp_path):
    out = tmp_path / 'out.json'
    converter('activitynet_to_tad').main([str(anet), '--out', str(out)])
    with pytest.raises(KeyError, match='set fps of the dataset'):
        read_back(out, 'training')


@pytest.mark.parametrize('name, content', [
    ('blocked.json', '["late", "elsewhere"]'),
    ('missing_files.txt', 'late\n\nelsewhere\n'),
])
def test_blocked_videos(converter, anet, tmp_path, name, content):
    blocked = tmp_path / name
    blocked.write_text(content)
    result = converter('activitynet_to_tad').convert(
        str(anet), excluded=[str(blocked), 'glimpse'])
    assert list(result.database) == ['all', 'brief', 'hidden']
    assert result.dropped['videos excluded'] == 2


def test_exclusion_of_unknown_videos_is_refused(refused, anet, tmp_path):
    text = refused('activitynet_to_tad', anet, '--out', tmp_path / 'out.json',
                   '--exclude', 'missing_files.txt')
    assert 'missing_files.txt' in text and 'a file must exist' in text


@pytest.mark.parametrize('content', [
    '\n'.join(NAMES[::-1]),
    json.dumps(NAMES[::-1]),
    json.dumps(dict(results=dict(late=[0.] * 200), classes=NAMES[::-1])),
    json.dumps({
        'results': dict(late=[[0.] * 200]),
        'class': NAMES[::-1]
    }),
])
def test_order_of_given_classes(converter, anet, tmp_path, content):
    path = tmp_path / ('order.json' if content[0] in '[{' else 'order.txt')
    path.write_text(content)
    out = tmp_path / 'out.json'
    converter('activitynet_to_tad').main(
        [str(anet), '--classes',
         str(path), '--out',
         str(out)])
    database = json.loads(out.read_text())['database']
    assert database['late']['annotations'][0]['label_id'] == 199
    assert [x['label_id']
            for x in database['all']['annotations']] == list(range(200))


@pytest.mark.parametrize('content, complaint', [
    (NAMES[1:], "1 others, such as 'Archery' in video"),
    (NAMES + ['BMX'], "got ['BMX'] repeatedly"),
    (dict(results=dict()), "under 'class' or 'classes'"),
    (dict(classes=NAMES, results=[1]), "'results' of "),
    (dict(classes=NAMES, results=dict(late=0.5)), "but got 0.5 for 'late'"),
    ({
        'class': NAMES,
        'results': dict(late=[0.] * 201)
    }, "must have 200 scores per video, one per class name, but got 201 for "
     "'late'"),
])
def test_bad_class_files(refused, write_json, anet, tmp_path, content,
                         complaint):
    path = write_json('classes.json', content)
    text = refused('activitynet_to_tad', anet, '--classes', path, '--out',
                   tmp_path / 'out.json')
    assert complaint in text
    assert not (tmp_path / 'out.json').exists()


def test_sorted_order_needs_all_classes(refused, write_json, official,
                                        tmp_path):
    """Ids of an incomplete file would be those of other classes."""
    path = write_json('part.json', official(NAMES[:150]))
    text = refused('activitynet_to_tad', path, '--out', tmp_path / 'out.json')
    assert 'all 200 classes' in text and 'got 150' in text


@pytest.mark.parametrize('fields, complaint', [
    (dict(annotations=[dict(segment=[3, 2], label='BMX')]),
     "annotation 0 of video 'bad' must not end before it starts"),
    (dict(annotations=[dict(segment=[3, 4])]), "must have 'label'"),
    (dict(annotations=[dict(segment=[3], label='BMX')]),
     'must be [start, end] in seconds'),
    (dict(annotations=dict()), "must be a list of dicts"),
    (dict(duration='1:30'), "duration of video 'bad' must be a finite number"),
    (dict(duration=None), "video 'bad' in "),
    (dict(subset=None), "must have 'subset'"),
    (dict(fps=0), "fps of video 'bad'"),
])
def test_bad_entries_name_file_and_video(refused, write_json, official, video,
                                         tmp_path, fields, complaint):
    content = official(NAMES)
    content['database']['bad'] = dict(video('training', 5), **fields)
    path = write_json('anet.json', content)
    text = refused('activitynet_to_tad', path, '--out', tmp_path / 'out.json')
    assert complaint in text and str(path) in text
    text = refused('activitynet_to_tad', path, '--out', tmp_path / 'out.json',
                   '--exclude', 'all')
    assert complaint in text  # the video at fault is still there
    assert not (tmp_path / 'out.json').exists()


@pytest.mark.parametrize('text, complaint', [
    ('{"v_a": {"duration_second": 3}}', "'database'"),
    ('video 1 2', 'must be JSON'),
    ('{"database": []}', 'must map video ids'),
])
def test_wrong_files(refused, tmp_path, text, complaint):
    path = tmp_path / 'wrong.json'
    path.write_text(text)
    found = refused('activitynet_to_tad', path, '--out', tmp_path / 'out.json')
    assert complaint in found and 'wrong.json' in found


def test_nothing_is_overwritten(refused, converter, anet, tmp_path):
    out = tmp_path / 'out.json'
    out.write_text('mine')
    text = refused('activitynet_to_tad', anet, '--out', out)
    assert 'exists' in text and '--force' in text
    assert out.read_text() == 'mine'
    converter('activitynet_to_tad').main(
        [str(anet), '--force', '--out',
         str(out)])
    assert json.loads(out.read_text())['version'] == 'ActivityNet-1.3'
    assert sorted(p.name
                  for p in tmp_path.iterdir()) == ['anet.json', 'out.json']


@pytest.mark.parametrize('option', ['annotations', 'classes', 'exclude'])
def test_inputs_are_never_overwritten(refused, anet, tmp_path, option):
    other = tmp_path / 'other.json'
    other.write_text('[]')
    before = anet.read_text()
    args = [anet, '--force', '--classes', other, '--exclude', other]
    if option == 'annotations':
        text = refused('activitynet_to_tad', *args, '--out', anet)
    elif option == 'classes':
        text = refused('activitynet_to_tad', *args[:4], '--out', other)
    else:
        text = refused('activitynet_to_tad', *args[:2], *args[4:], '--out',
                       other)
    assert f'must not be an input, but got it for {option}' in text
    assert anet.read_text() == before and other.read_text() == '[]'


def test_failed_write_keeps_the_old_file(converter, anet, tmp_path):
    """The readers of the package have the last word."""
    outputs = converter('converter_outputs')
    entries = converter('converter_entries')
    out = tmp_path / 'out.json'
    out.write_text('mine')
    action = dict(segment=[0, 1], label='b', label_id=0)
    result = entries.Conversion(
        dict(x=dict(subset='s', duration=1, annotations=[action])), ('a', 'b'),
        entries.Counter())
    with pytest.raises(ValueError, match="label_id of video 'x' must be"):
        outputs.write_annotations(str(out), 'test', result)
    assert out.read_text() == 'mine'
    assert sorted(p.name
                  for p in tmp_path.iterdir()) == ['anet.json', 'out.json']
