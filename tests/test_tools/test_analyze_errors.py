import csv
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import mmcv
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / 'tools/analysis_tools/analyze_errors.py'
THUMOS14 = ROOT / '../shared/data/thumos14.json'
THUMOS14_CLASSES = ['Diving', 'LongJump', 'PoleVault', 'HighJump']
CLASSES = ['dive', 'jump', 'run', 'throw']
ALL_CLASSES = CLASSES + THUMOS14_CLASSES
EVIL = '<img src=x onerror=alert(1)>$\\frac$'


@pytest.fixture(scope='module')
def tool():
    """The script as a module; it imports others of its folder."""
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        import analyze_errors
        yield analyze_errors
    finally:
        sys.path.remove(str(SCRIPT.parent))


def make_database(num_videos=24, seed=0):
    """Actions of 1 to 20 s, eight a video."""
    rng = np.random.default_rng(seed)
    database = {}
    for i in range(num_videos):
        start = 40 * np.arange(8) + rng.uniform(0, 15, 8)
        end = start + np.exp(rng.uniform(0, 3, 8))
        labels = rng.choice(CLASSES[:3], 8) if i % 2 else CLASSES * 2
        database[f'v{i}'] = dict(
            subset='test',
            duration=330.,
            annotations=[
                dict(segment=[a, b], label=str(name))
                for a, b, name in zip(start.tolist(), end.tolist(), labels)
            ])
    return database


def detect(database, seed=1, classes=CLASSES):
    """Nearly all actions by scores that tell, and some false alarms."""
    rng = np.random.default_rng(seed)
    results = {}
    for video_id, entry in database.items():
        rows = []
        for action in entry['annotations']:
            start, end = action['segment']
            error = rng.normal(0, 0.05 * (end - start), 2).tolist()
            if rng.random() < 0.9:
                rows.append((start + error[0], end + error[1], action['label'],
                             rng.normal(0.7, 0.1)))
            where = float(rng.uniform(0, entry['duration']))
            rows.append((where, where + rng.uniform(1, 10),
                         str(rng.choice(classes)), rng.normal(0.25, 0.1)))
        results[video_id] = [
            dict(segment=[a, b], label=name, score=float(np.clip(s, .01, 1)))
            for a, b, name, s in rows
        ]
    return results


def moved(row, factor=1., shift=0.):
    return dict(row, segment=[t * factor + shift for t in row['segment']])


def resized(row, at_start, at_end):
    start, end = row['segment']
    length = end - start
    return dict(
        row, segment=[start + at_start * length, end + at_end * length])


def length_of(row):
    return row['segment'][1] - row['segment'][0]


def copies(row):
    return [
        dict(moved(row, shift=0.05 * i), score=row['score'] - 0.001 * i)
        for i in range(4)
    ]


def alarms(video_id, row):
    """Three more, of high scores, where nothing is annotated."""
    rng = np.random.default_rng(int(1000 * row['score']))
    starts = rng.uniform(0, 330, 3).tolist()
    return [
        row, *(dict(row, segment=[start, start + 5.], score=float(score))
               for start, score in zip(starts, rng.uniform(.5, .95, 3)))
    ]


def relabelled(video_id, row):
    """Any class but the right one."""
    others = sorted({*ALL_CLASSES} - {row['label']})
    return [dict(row, label=others[int(1e6 * row['score']) % len(others)])]


MISSING = ('dive', 'Diving')
SWAPPED = {
    'dive': 'jump',
    'jump': 'dive',
    'LongJump': 'PoleVault',
    'PoleVault': 'LongJump'
}


def swapped(row):
    return dict(row, label=SWAPPED.get(row['label'], row['label']))


def only(kept):
    """Leave out detections (video, row) that are not ``kept``."""
    return lambda v, r: [r] if kept(v, r) else []


def each(change):
    """Change every detection."""
    return lambda v, r: [change(r)]


#: What is done to every detection (video, row), and the fault that must come
#: first in the summary.
FAULTS = {
    'shifted by 1 s': (each(lambda r: moved(r, shift=1.)), 'shift of times'),
    'shifted by -1 s': (each(lambda r: moved(r, shift=-1.)), 'shift of times'),
    'labels swapped': (each(swapped), 'swapped labels'),
    'duplicates': (lambda v, r: copies(r), 'duplicates'),
    'no short actions': (only(lambda v, r: length_of(r) > 2),
                         'missing actions: length XS'),
    'no long actions': (only(lambda v, r: length_of(r) < 11),
                        'missing actions: length XL'),
    'half the stride': (each(lambda r: moved(r, 0.5)), 'factor of times'),
    'stride of 16 for 15': (each(lambda r: moved(r, 16 / 15)),
                            'factor of times'),
    'frames': (each(lambda r: moved(r, 30.)), 'factor of times'),
    'percent of the video': (each(lambda r: moved(r, 100 / 330)),
                             'relative times'),
    'a class missing': (only(lambda v, r: r['label'] not in MISSING),
                        'missing classes'),
    'videos missing': (only(lambda v, r: v[-1] not in '246'),
                       'videos without detections'),
    'first half only': (only(lambda v, r: r['segment'][0] < 165),
                        'ends of videos'),
    'scores turned': (each(lambda r: dict(r, score=1.01 - r['score'])),
                      'scores'),
    'starts too late': (each(lambda r: resized(r, .45, 0.)), 'localization'),
    'too long': (each(lambda r: resized(r, -.4, .4)), 'localization'),
    'too short': (each(lambda r: resized(r, .2, -.2)), 'localization'),
    'shifted by 30 s': (each(lambda r: moved(r, shift=30.)), 'shift of times'),
    'no actions below 6 s': (only(lambda v, r: length_of(r) > 6),
                             'missing actions: length XS-M'),
    'few detections': (only(lambda v, r: r['score'] > .75), 'few detections'),
    'background alarms': (alarms, 'background'),
    'other labels': (relabelled, 'wrong labels'),
}  # yapf: disable


def spoil(results, fault):
    change = FAULTS[fault][0]
    return {
        video_id: [new for row in rows for new in change(video_id, row)]
        for video_id, rows in results.items()
    }


@pytest.fixture(scope='module')
def database():
    return make_database()


@pytest.fixture
def write(tmp_path):

    def _write(name, **content):
        path = tmp_path / f'{name}.json'
        path.write_text(json.dumps(content))
        return str(path)

    return _write


@pytest.fixture
def annotations(write, database):
    return write('annotations', database=database)


def report_of(tool, predictions, annotations, *options):
    """The only model's report, without the writing of figures."""
    args = [predictions, annotations, '--out', 'unused', *options]
    return tool.analyze(tool.parse_args(args))[0][0]


def findings_of(tool, predictions, annotations):
    return report_of(tool, predictions, annotations).findings


@pytest.mark.parametrize('fault', FAULTS)
def test_summary_names_the_fault(tool, write, annotations, database, fault):
    results = spoil(detect(database), fault)
    findings = findings_of(tool, write('found', results=results), annotations)
    assert findings[0].fault == FAULTS[fault][1]


def test_sound_detections_have_no_fault(tool, write, annotations, database):
    findings = findings_of(tool, write('found', results=detect(database)),
                           annotations)
    assert {each.fault for each in findings} <= {'misses'}


@pytest.mark.parametrize('fault', [
    'shifted by 1 s', 'labels swapped', 'duplicates', 'half the stride',
    'a class missing', 'shifted by 30 s', 'background alarms'
])
def test_faults_on_thumos14(tool, write, fault):
    if not THUMOS14.exists():
        pytest.skip('needs ../shared')
    database = {
        video_id: entry
        for video_id, entry in json.loads(THUMOS14.read_text())
        ['database'].items()
        if entry['subset'] == 'Test' and int(video_id[-4:]) % 3 == 0
    }
    results = spoil(detect(database, classes=THUMOS14_CLASSES), fault)
    findings = findings_of(tool, write('found', results=results),
                           write('thumos', database=database))
    assert findings[0].fault == FAULTS[fault][1]


def test_folder_has_page_figures_tables_and_numbers(tool, write, annotations,
                                                    database, tmp_path,
                                                    capsys):
    good = detect(database)
    bad = spoil(good, 'half the stride')
    out = tmp_path / 'new' / 'analysis'
    tool.main([
        write('good', results=good),
        write('bad', results=bad), annotations, '--out',
        str(out), '--tiou', '0.5', '0.7', '--edges', 'thumos14'
    ])
    assert {path.name for path in out.iterdir()} == set(tool.FILES)
    printed = capsys.readouterr().out
    assert 'multiplied by 2' in printed and 'Try: Check feat_stride' in printed

    numbers = json.loads((out / 'errors.json').read_text(), parse_constant=int)
    model = numbers['models']['good']
    assert numbers['tiou_thresholds'] == [0.5, 0.7]
    assert 0.7 < model['average_mAP_N'] < 1
    assert model[
        'average_mAP_N'] > 4 * numbers['models']['bad']['average_mAP_N']
    assert model['edges']['length'] == [0, 3, 6, 12, 18, 'inf']
    assert 'length x num-instances' in model['pairs']

    with open(out / 'types.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    shares = [float(row['share']) for row in rows if row['model'] == 'good']
    assert sum(shares) == pytest.approx(1, abs=1e-4)

    page = (out / 'index.html').read_text()
    assert page.count('data:image/png;base64,') == len(tool.FIGURES)
    assert '<script' not in page and not re.search(r'(src|href)="(?!data:)',
                                                   page)
    for name in tool.FIGURES:
        image = mmcv.imread(str(out / f'{name}.png'))
        assert (image < 128).mean() > 0.002  # not blank


def test_texts_of_files_are_not_mark_up(tool, write, tmp_path, capsys):
    """Ids and labels of any kind."""
    video_id, name = 'odd/name of <b>x</b>', 'img src=x'
    entry = dict(
        duration=60.,
        annotations=[
            dict(segment=[0, 9], label=EVIL),
            dict(segment=[20, 30], label='=1+1')
        ])
    results = {
        video_id: [
            dict(segment=[0, 8], label=EVIL, score=.9),
            dict(segment=[40, 50], label='\u8df3\u9ad8', score=.8)
        ]
    }
    out = tmp_path / 'out'
    tool.main([
        write(name, results=results),
        write('annotations', database={video_id: entry}), '--out',
        str(out), '--title', EVIL
    ])
    page = (out / 'index.html').read_text()
    assert '<img src=x' not in page and '&lt;img src=x' in page
    assert "'=1+1" in (out / 'classes.csv').read_text()
    assert '&lt;b&gt;x' in page and '<b>x' not in page
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {'out', 'annotations.json', f'{name}.json'}
    assert '1 detections are of classes without actions' in capsys.readouterr(
    ).out


def test_nothing_is_overwritten(tool, write, annotations, database, tmp_path):
    predictions = write('found', results={})
    mine = tmp_path / 'out' / 'types.csv'
    mine.parent.mkdir()
    mine.write_text('mine')
    command = [predictions, annotations, '--out', str(mine.parent)]
    with pytest.raises(SystemExit, match='FileExistsError: .*types.csv'):
        tool.main(command)
    assert mine.read_text() == 'mine' and len(list(mine.parent.iterdir())) == 1
    tool.main([*command, '--force'])
    assert mine.read_text() != 'mine'


def bad_rows():
    good = dict(segment=[0, 9], label='run', score=.9)
    return [
        good,
        dict(good, segment=[5, 2]),
        dict(good, score=math.nan),
        dict(good, segment=[0, math.inf]),
        dict(good, segment=[0]),
        dict(label='run', score=1), 'text'
    ]


def test_bad_detections_are_set_aside_and_counted(tool, write, annotations,
                                                  tmp_path, capsys):
    predictions = write('found', results={'v0': bad_rows()})
    command = [predictions, annotations, '--out', str(tmp_path / 'out')]
    with pytest.raises(SystemExit, match="ValueError: .*'v0'"):
        tool.main([*command, '--strict'])
    assert not (tmp_path / 'out').exists()
    tool.main(command)
    assert re.search('6 detections of .* are left out',
                     capsys.readouterr().out)
    assert '6 detections could not be scored' in (
        tmp_path / 'out/index.html').read_text()


def one_detection(video_id='v0'):
    return {video_id: [dict(segment=[0, 9], label='run', score=.9)]}


def test_ids_without_v(tool, write):
    entry = dict(duration=60., annotations=[dict(segment=[0, 9], label='run')])
    report = report_of(tool, write('found', results=one_detection('v_a')),
                       write('annotations', database=dict(a=entry)))
    assert 'find 1 of 1 actions' in report.overview


def test_an_error_is_one_line_of_a_script(write, annotations, tmp_path):
    found = write('found', results={'q': []})
    done = subprocess.run(
        [sys.executable, SCRIPT, found, annotations, '--out', tmp_path / 'x'],
        capture_output=True,
        text=True)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert re.search("^ValueError: .* must be in .* got \\['q'\\]", last)
    assert not (tmp_path / 'x').exists()


def test_videos_without_duration(tool, write, capsys):
    annotations = write(
        'annotations',
        database=dict(
            v0=dict(annotations=[dict(segment=[0, 9], label='run')])))
    report = report_of(tool, write('found', results=one_detection()),
                       annotations)
    assert 'find 1 of 1 actions' in report.overview
    assert '1 videos have no duration' in capsys.readouterr().out


def test_names_of_models_are_short_and_different(tool, tmp_path):
    import error_inputs
    paths = [f'{tmp_path}/{name}/found.json' for name in 'ab']
    assert error_inputs.name_models(paths[:1]) == ['found']
    assert error_inputs.name_models(paths) == ['a/found', 'b/found']
    with pytest.raises(ValueError, match='different files'):
        error_inputs.name_models([paths[0], paths[0]])
