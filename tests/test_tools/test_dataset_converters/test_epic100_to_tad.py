import pytest

HEADER = ('narration_id,participant_id,video_id,narration_timestamp,'
          'start_timestamp,stop_timestamp,start_frame,stop_frame,narration,'
          'verb,verb_class,noun,noun_class,all_nouns,all_noun_classes\n')


def row(video, start, stop, verb, noun):
    """The words differ within a class; only numbers name one."""
    return (f'{video}_0,{video[:3]},{video},00:00:01.089,{start},{stop},8,202,'
            f'open the door,open-{start[-2:]},{verb},door:of,{noun},'
            f'"[\'door\', \'fridge, big\']","[{noun}, 9]"\n')


@pytest.fixture
def folder(tmp_path):
    """Official tables, as small as they can be."""
    path = tmp_path / 'annotations'
    path.mkdir()
    train = row('P01_01', '00:00:00.14', '00:00:03.37', 3, 299)
    train += row('P01_101', '01:02:03.456', '01:02:04.00', 96, 0)
    train += row('P01_01', '00:01:00', '00:01:00.00', 0, 0)
    (path / 'EPIC_100_train.csv').write_text('\ufeff' + HEADER + train)
    (path / 'EPIC_100_validation.csv'
     ).write_text(HEADER + row('P02_03', '00:59:59.99', '01:00:00.50', 3, 12))
    (path / 'EPIC_100_test_timestamps.csv').write_text(
        'narration_id,participant_id,video_id,start_timestamp,'
        'stop_timestamp,start_frame,stop_frame\n'
        'P01_11_0,P01,P01_11,00:00:00.00,00:00:01.89,1,113\n')
    (path / 'EPIC_100_video_info.csv').write_text(
        'video_id,duration,fps,resolution\nP01_01,1652.152817,59.94,1x1\n'
        'P01_101,3800,50,1x1\nP02_03,3601.5,59.94,1x1\n'
        'P01_11,77.5,59.94,1x1\nP37_103,9,50,1x1\n')
    return path


def test_both_tasks(run_script, read_back, folder, tmp_path):
    text = run_script('epic100_to_tad', folder, '--out', tmp_path / 'out')
    noun, verb = sorted((tmp_path / 'out').iterdir())
    names = tuple(f'id_{i:03d}' for i in range(300))
    for path, labels in ((verb, [3, 96, 3]), (noun, [299, 0, 12])):
        _, train = read_back(path, 'training', 30, names)
        assert train == dict(
            P01_01=(1652.152817, 30, [(0.14, 3.37, labels[0])]),
            P01_101=(3800, 30, [(3723.46, 3724, labels[1])]))
        _, val = read_back(path, 'validation', 30, names)
        assert val == dict(P02_03=(3601.5, 30, [(3599.99, 3600.5, labels[2])]))
        assert read_back(path, 'test', 30,
                         names)[1] == dict(P01_11=(77.5, 30, []))
    assert 'epic_kitchens_100_verb.json: 97 classes' in text
    assert '297 classes have no action' in text
    assert text.count('dropped: 1 actions of no length') == 2


def test_names_of_classes(converter, folder):
    """In the order of their numbers, whatever that of the rows."""
    rows = [f'{i},verb {i},more' for i in reversed(range(97))]
    (folder / 'EPIC_100_verb_classes.csv').write_text('\n'.join(
        ['id,key,category', *rows]))
    (folder / 'EPIC_100_test_timestamps.csv').unlink()
    result = converter('epic100_to_tad').convert(str(folder), 'verb')
    assert result.classes == tuple(f'verb {i}' for i in range(97))
    assert result.database['P02_03']['annotations'] == [
        dict(segment=[3599.99, 3600.5], label='verb 3', label_id=3)
    ]
    assert 'P01_11' not in result.database


@pytest.mark.parametrize('rows, complaint', [
    (['0,take', '1,put'], 'got 2 rows'),
    ([f'{i % 96},verb {i}' for i in range(97)], 'each id from 0 to 96 once'),
    ([f'{i},same' for i in range(97)], "got ['same'] repeatedly"),
])
def test_bad_class_tables(refused, folder, tmp_path, rows, complaint):
    (folder / 'EPIC_100_verb_classes.csv').write_text('\n'.join(
        ['id,key', *rows]))
    text = refused('epic100_to_tad', folder, '--out', tmp_path / 'out')
    assert complaint in text and 'EPIC_100_verb_classes.csv' in text


@pytest.mark.parametrize('text, complaint', [
    (row('P01_01', '00:00:03.37', '00:00:00.14', 3,
         2), 'must not end before it starts'),
    (row('P01_01', '63.37', '00:01:04.00', 3,
         2), "start_timestamp must be HH:MM:SS.ss, but got '63.37'"),
    (row('P01_01', '00:00:01.00', '00:61:04.00', 3, 2), 'stop_timestamp'),
    (row('P01_01', '00:00:01.00', '00:00:04.00', 97,
         2), 'verb_class must be a whole number from 0 to 96'),
    (row('P01_01', '00:00:01.00', '00:00:04.00', 3,
         1.5), 'noun_class must be a whole number from 0 to 299'),
    (row('P01_01', '00:00:01.00', '00:00:04.00', 3,
         ''), 'noun_class must not be empty'),
    (row('P99_01', '00:00:01.00', '00:00:04.00', 3,
         2), "video 'P99_01' must be in"),
    (row('P02_03', '00:00:01.00', '00:00:04.00', 3, 2), 'line 2'),
])
def test_bad_rows_are_named(refused, folder, tmp_path, text, complaint):
    path = folder / 'EPIC_100_train.csv'
    path.write_text(HEADER + text)
    text = refused('epic100_to_tad', folder, '--out', tmp_path / 'out')
    assert complaint in text and 'line 2' in text
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('content, complaint', [
    ('video,verb\n', "without ['video_id', 'start_timestamp',"),
    ('', 'got []'),
    (None, 'give the path of an official file'),
])
def test_wrong_tables(refused, folder, tmp_path, content, complaint):
    path = folder / 'EPIC_100_validation.csv'
    path.unlink() if content is None else path.write_text(content)
    text = refused('epic100_to_tad', folder, '--out', tmp_path / 'out')
    assert complaint in text and 'EPIC_100_validation.csv' in text


def test_neither_file_is_overwritten(refused, folder, tmp_path):
    noun = tmp_path / 'epic_kitchens_100_noun.json'
    noun.write_text('mine')
    text = refused('epic100_to_tad', folder, '--out', tmp_path)
    assert 'noun.json' in text and noun.read_text() == 'mine'
    assert not (tmp_path / 'epic_kitchens_100_verb.json').exists()
