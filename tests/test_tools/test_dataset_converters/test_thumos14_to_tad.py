import json
from pathlib import Path

import pytest

from dyfadet_mm.datasets import THUMOS14Dataset

CLASSES = THUMOS14Dataset.METAINFO['classes']
REAL = Path(__file__).resolve().parents[4] / 'shared/data/thumos14.json'


def write_official(folder, lines):
    """Write (video, start, end) by (class, suffix); other files are empty."""
    for label in (*CLASSES, 'Ambiguous'):
        for suffix in ('val', 'test'):
            text = ''.join(
                f'{video}  {start} {end}\n'
                for video, start, end in lines.get((label, suffix), []))
            path = folder / suffix / 'annotation' / f'{label}_{suffix}.txt'
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


@pytest.fixture
def official(tmp_path):
    folder = tmp_path / 'official'
    write_official(
        folder, {
            ('CliffDiving', 'val'): [('video_validation_0000051', 1.5, 4)],
            ('Diving', 'val'): [('video_validation_0000051', 1.5, 4),
                                ('video_validation_0000051', 6, 7.25)],
            ('Shotput', 'test'): [('video_test_0000270', 50.5, 61),
                                  ('video_test_0000004', 0.2, 1.1)],
            ('Ambiguous', 'test'): [('video_test_0001292', 3, 4),
                                    ('video_test_0000004', 2, 3)],
        })
    (folder / 'val/annotation/._Diving_val.txt').write_bytes(b'\xff\0')
    (folder / 'val/detclasslist.txt').write_text('7 BaseballPitch\n')
    return folder


@pytest.fixture
def table(tmp_path):
    """Durations of all videos but the one with no clear action."""
    path = tmp_path / 'durations.csv'
    path.write_text('video_id,duration,fps\nvideo_validation_0000051,10.5,30\n'
                    'video_test_0000004,33.83,25\nvideo_test_0000270,55,30\n')
    return path


def test_official_folders(run_script, read_back, official, table, tmp_path):
    out = tmp_path / 'thumos14.json'
    text = run_script('thumos14_to_tad', official / 'val', official / 'test',
                      '--videos', table, '--out', out)
    _, train = read_back(out, 'validation', classes=CLASSES)
    assert train == dict(
        video_validation_0000051=(10.5, 30, [(1.5, 4, 4), (1.5, 4,
                                                           7), (6, 7.25, 7)]))
    _, test = read_back(out, 'test', classes=CLASSES)
    assert test == dict(
        video_test_0000004=(33.83, 25, [(0.2, 1.1, 15)]),
        video_test_0000270=(55, 30, [(50.5, 61, 15)]))
    stored = json.loads(out.read_text())['database']
    assert stored['video_test_0000004'] == dict(
        subset='Test',
        duration=33.83,
        fps=25,
        annotations=[dict(segment=[0.2, 1.1], label='Shotput', label_id=15)])
    for line in ('dropped: 2 actions that are Ambiguous',
                 'dropped: 1 videos with Ambiguous actions only',
                 'note: 1 actions end after their video',
                 'note: 17 classes have no action'):
        assert line in text


def test_options(converter, read_back, official, table, tmp_path):
    """One folder for both subsets, OpenTAD's choice of videos."""
    out = tmp_path / 'thumos14.json'
    converter('thumos14_to_tad').main([
        str(official), '--keep-ambiguous', '--videos',
        str(table), '--out',
        str(out), '--exclude', 'video_test_0000270', 'video_test_0001292'
    ])
    _, test = read_back(out, 'test', classes=(*CLASSES, 'Ambiguous'))
    assert test == dict(
        video_test_0000004=(33.83, 25, [(2, 3, 20), (0.2, 1.1, 15)]))


def test_video_without_duration(refused, official, table, tmp_path):
    """The place of its first action is named."""
    lines = table.read_text().splitlines()
    table.write_text('\n'.join(lines[:-1]))
    text = refused('thumos14_to_tad', official, '--videos', table, '--out',
                   tmp_path / 'out.json')
    assert "Shotput_test.txt', line 1: video 'video_test_0000270'" in text
    assert '1 of 3 videos' in text
    table.write_text('video_id,fps\nvideo_test_0000270,30')
    text = refused('thumos14_to_tad', official, '--videos', table, '--out',
                   tmp_path / 'out.json')
    assert '3 of 3 videos' in text


@pytest.mark.parametrize('line, complaint', [
    ('video_test_0000004 2 1', 'must not end before it starts'),
    ('video_test_0000004 2', 'must be "video start end" in seconds'),
    ('\xff\xd8', 'must be "video start end" in seconds'),
    ('video_test_0000004 two 3', "start must be a finite number"),
    ('video_test_0000004 2 nan', "end must be a finite number"),
    ('video_validation_0000051 2 3', "must be of one subset"),
])
def test_bad_lines_are_named(refused, official, table, tmp_path, line,
                             complaint):
    path = official / 'test/annotation/TennisSwing_test.txt'
    path.write_bytes(
        f'video_test_0000004 0.5 0.75\r\n\r\n{line}\r\n'.encode('latin-1'))
    text = refused('thumos14_to_tad', official, '--videos', table, '--out',
                   tmp_path / 'out.json')
    assert complaint in text and "TennisSwing_test.txt', line 3" in text


def test_wrong_folders(refused, official, table, tmp_path):
    """A class that is missing, unknown or twice; no class at all."""
    options = ['--videos', table, '--out', tmp_path / 'out.json']
    empty = tmp_path / 'empty'
    empty.mkdir()
    assert 'got 0 files' in refused('thumos14_to_tad', empty, *options)
    text = refused('thumos14_to_tad', official / 'val',
                   official / 'val/annotation', *options)
    assert 'must be the only file of its name' in text
    path = official / 'test/annotation/Diving_test.txt'
    renamed = path.rename(path.with_name('Jump_test.txt'))
    text = refused('thumos14_to_tad', official, *options)
    assert 'Jump_test.txt' in text and 'class of THUMOS14' in text
    renamed.unlink()
    text = refused('thumos14_to_tad', official, *options)
    assert "without ['Diving_test.txt']" in text


@pytest.mark.skipif(not REAL.is_file(), reason='needs the real annotations')
def test_real_annotations_come_back(converter, tmp_path):
    """The published file, written as the official folders and converted."""
    database = json.loads(REAL.read_text())['database']
    lines = {}
    for video_id, entry in database.items():
        suffix = dict(Validation='val', Test='test')[entry['subset']]
        for item in entry['annotations']:
            lines.setdefault((item['label'], suffix), []).append(
                (video_id, *item['segment']))
    lines['Ambiguous', 'test'] = [('video_test_0001292', 1, 2)]
    write_official(tmp_path / 'official', lines)
    out = tmp_path / 'thumos14.json'
    converter('thumos14_to_tad').main(
        [str(tmp_path / 'official'), '--videos',
         str(REAL), '--out',
         str(out)])
    written = json.loads(out.read_text())['database']
    assert len(written) == 412
    assert sum(len(entry['annotations']) for entry in written.values()) == 6365
    assert written == {k: _plain(v) for k, v in database.items()}


def _plain(entry):
    """Leave out what the converter does not write."""
    actions = [{
        k: item[k]
        for k in ('segment', 'label', 'label_id')
    } for item in entry['annotations']]
    actions.sort(key=lambda item: item['label_id'])
    return dict(entry, annotations=actions)
