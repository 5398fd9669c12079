import csv
import io

import pytest

from dyfadet_mm.visualization import write_csv, write_subtitles

av = pytest.importorskip('av')
NAMES = ('<b>a</b> & c', 'a\n\n3\n00:00:09,000 --> 00:00:10,000\nb',
         '{\\an8}\\N x', '\u8df3\u9ad8 \u0642\u0641\u0632 \U0001f3c3',
         'x' * 999)


def video(**changes):
    out = dict(
        video_id='v0',
        duration=40.,
        segments=[[20.5, 27.25], [3., 11.], [3., 5.]],
        scores=[0.75, 0.625, 0.9],
        labels=[0, 2, 1])
    return {**out, **changes}


def cues(path):
    """(start, end, text) in milliseconds, as FFmpeg reads subtitles."""
    with av.open(str(path)) as container:
        return [(packet.pts, packet.pts + packet.duration,
                 cue.ass.split(b',', 8)[-1].decode())
                for packet in container.demux(subtitles=0)
                if packet.pts is not None for cue in packet.decode()]


@pytest.mark.parametrize('suffix', ['.srt', '.vtt'])
def test_every_detection_is_a_subtitle_in_order(tmp_path, suffix):
    path = tmp_path / f'new{suffix}'
    write_subtitles(str(path), video(), ('run', 'jump', 'swim'), score_thr=0.1)
    assert cues(path) == [(3000, 5000, 'jump 0.90'),
                          (3000, 11000, 'swim 0.62'),
                          (20500, 27250, 'run 0.75')]
    write_subtitles(str(path), video(), score_thr=0.8, overwrite=True)
    assert cues(path) == [(3000, 5000, 'class_1 0.90')]


def test_times_of_long_videos(tmp_path):
    path = tmp_path / 'long.srt'
    write_subtitles(
        str(path), video(segments=[[35999.9996, 36000.5], [-1, 0.5], [7, 7]]))
    lines = path.read_text().splitlines()
    assert lines[1] == '00:00:00,000 --> 00:00:00,500'
    assert lines[5] == '00:00:07,000 --> 00:00:07,001'  # at least a moment
    assert lines[9] == '10:00:00,000 --> 10:00:00,500'


@pytest.mark.parametrize('suffix', ['.srt', '.vtt'])
@pytest.mark.parametrize('name', NAMES)
def test_names_are_one_line_of_plain_text(tmp_path, suffix, name):
    path = tmp_path / f'new{suffix}'
    write_subtitles(str(path), video(), (name, ) * 3)
    found = cues(path)
    assert [each[:2] for each in found] == [(3000, 5000), (3000, 11000),
                                            (20500, 27250)]
    # FFmpeg writes tags and breaks of SSA, which must not come of a name
    shown = found[0][2].replace('\\{{}\\', '{\\').replace('\u2060', '')
    line = ' '.join(name.split())
    if len(line) < 120:
        assert shown == f'{line} 0.90'
    assert len(shown) < 130 and '{\\b1}' not in found[0][2]


def test_what_ends_before_it_starts_is_left_out(tmp_path, caplog):
    path = tmp_path / 'new.srt'
    write_subtitles(str(path), video(segments=[[9, 3], [1, 2], [-3, -2]]))
    assert [each[2] for each in cues(path)] == ['class_2 0.62']


def rows(path):
    content = path.read_bytes()
    assert content.startswith(b'\xef\xbb\xbf')  # Excel knows UTF-8 by it
    return [*csv.DictReader(io.StringIO(content.decode('utf-8-sig')))]


def test_table(tmp_path):
    path = tmp_path / 'new' / 'table.csv'
    write_csv(
        str(path), [video(), video(video_id='v1', duration=None)],
        ('run', 'a "b", c\nd', 'swim'))
    found = rows(path)
    assert found[0] == dict(
        video='v0',
        start='3.0',
        end='5.0',
        label='a "b", c\nd',
        score='0.9',
        duration='40.0')
    assert [each['label'] for each in found[1:3]] == ['swim', 'run']
    assert [each['video'] for each in found] == ['v0'] * 3 + ['v1'] * 3
    assert found[3]['duration'] == ''
    write_csv(str(path), [video()], score_thr=0.7, overwrite=True)
    assert len(rows(path)) == 2


@pytest.mark.parametrize('name, cell', [
    ('=cmd|"/C calc"!A0', '\'=cmd|"/C calc"!A0'),
    ('+1', "'+1"),
    ('-1+2', "'-1+2"),
    ('@SUM(1)', "'@SUM(1)"),
    ('\t=1', "'\t=1"),
    ('\uff1d1', "'\uff1d1"),
    ('a=b', 'a=b'),
    ('\u8df3', '\u8df3'),
])
def test_formulas_are_text(tmp_path, name, cell):
    path = tmp_path / 'table.csv'
    write_csv(str(path), [video(video_id=name)], [name] * 3)
    assert {each['label'] for each in rows(path)} == {cell}
    assert {each['video'] for each in rows(path)} == {cell}


def test_errors_leave_files_as_they_are(tmp_path):
    path = tmp_path / 'mine.srt'
    path.write_text('mine')
    with pytest.raises(FileExistsError, match='must be new'):
        write_subtitles(str(path), video())
    with pytest.raises(FileExistsError, match='must be new'):
        write_csv(str(path), [video()])
    with pytest.raises(ValueError, match='must be a file .srt or .vtt'):
        write_subtitles(str(tmp_path / 'new.txt'), video())
    with pytest.raises(ValueError, match='one per segment, 3, but got 1'):
        write_csv(str(tmp_path / 'new.csv'), [video(scores=[1])])
    assert path.read_text() == 'mine'
    assert [each.name for each in tmp_path.iterdir()] == ['mine.srt']
