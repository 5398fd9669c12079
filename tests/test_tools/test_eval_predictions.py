import json
import os.path as osp
import subprocess
import sys

import numpy as np
import pytest

from dyfadet_mm.evaluation import save_predictions

SCRIPT = osp.join(
    osp.dirname(__file__), '../../tools/analysis_tools/eval_predictions.py')


@pytest.fixture(scope='module')
def tool():
    """The script as a module; it imports another of its folder."""
    sys.path.insert(0, osp.dirname(SCRIPT))
    try:
        import eval_predictions
        yield eval_predictions
    finally:
        sys.path.remove(osp.dirname(SCRIPT))


@pytest.fixture
def annotations(tmp_path):
    """Two validation videos, the second never detected in."""

    def entry(subset, *actions):
        return dict(
            subset=subset,
            duration='30.5',
            annotations=[
                dict(segment=[start, end], label=label)
                for start, end, label in actions
            ])

    path = tmp_path / 'annotations.json'
    path.write_text(
        json.dumps(
            dict(
                database=dict(
                    t0=entry('training', (0, 1, 'swim')),
                    v0=entry('validation', (0, 10, 'run'), (15, 20, 'jump')),
                    v1=entry('validation', (5, 9, 'run'))))))
    return str(path)


@pytest.fixture
def write(tmp_path):
    """Write detections (start, end, score, label) by video id."""

    def _write(**videos):
        path = str(tmp_path / 'predictions.json')
        predictions = {}
        for video_id, rows in videos.items():
            table = np.array(rows, dtype=float).reshape(-1, 4)
            predictions[video_id] = dict(
                segments=table[:, :2],
                scores=table[:, 2],
                labels=table[:, 3].astype(int))
        save_predictions(path, predictions, ('jump', 'run', 'swim', 'fly'))
        return path

    return _write


def test_numbers_by_hand(tool, annotations, write, tmp_path, capsys):
    predictions = write(v0=[(0, 6, 0.9, 1), (15, 20, 0.3, 0)])
    out = tmp_path / 'numbers.json'
    tool.main([
        predictions, annotations, '--subset', 'Validation', '--tiou', '0.5',
        '0.75', '--json',
        str(out)
    ])
    numbers = json.loads(out.read_text())
    # run: one of two at tIoU 0.6; jump: all
    assert numbers == dict(
        tiou_thresholds=[0.5, 0.75],
        mAP=[0.75, 0.5],
        average_mAP=0.625,
        AP=dict(jump=[1, 1], run=[0.5, 0]))
    text = capsys.readouterr().out
    assert '1 of 2 videos have no detections' in text
    assert 'average mAP 62.50 % on 2 videos' in text
    assert 'swim' not in text


def test_other_subsets_are_left_out_and_said(tool, annotations, write, capsys):
    predictions = write(v0=[(0, 10, 0.5, 1)], t0=[(0, 1, 0.9, 1)])
    tool.main([predictions, annotations, '--subset', 'validation'])
    assert '1 videos of other subsets are left out' in capsys.readouterr().out


def test_runs_as_a_script(annotations, write):
    predictions = write(v0=[(0, 10, 0.5, 1)])
    done = subprocess.run([
        sys.executable, SCRIPT, predictions, annotations, '--subset',
        'validation', '--no-classwise'
    ],
                          capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    assert '| mAP ' in done.stdout and '| run ' not in done.stdout


def test_a_class_file_adds_classes(tool, annotations, write, tmp_path):
    predictions = write(v0=[(0, 10, 0.5, 3)])
    names = tmp_path / 'classes.txt'
    names.write_text('jump\nrun\nswim\nfly\n')
    tool.main([
        predictions, annotations, '--subset', 'validation', '--classes',
        str(names)
    ])


def test_recall_on_request(tool, annotations, write, tmp_path, capsys):
    predictions = write(v0=[(40, 50, 0.9, 1), (0, 6, 0.5, 1)])
    out = tmp_path / 'numbers.json'
    tool.main([
        predictions, annotations, '--subset', 'validation', '--tiou', '0.5',
        '0.75', '--recall', '1', '5', '--json',
        str(out)
    ])
    # run: one of two actions, as second detection; jump: none of one
    recall = json.loads(out.read_text())['recall']
    assert recall == {'1x': [0, 0], '5x': [0.25, 0]}
    assert '| Recall@5x ' in capsys.readouterr().out


def test_excluded_videos_do_not_count(tool, annotations, write, tmp_path,
                                      capsys):
    predictions = write(v0=[(0, 10, 0.9, 1), (15, 20, 0.3, 0)])
    names = tmp_path / 'blocked.txt'
    names.write_text('v1\n')
    tool.main([
        predictions, annotations, '--subset', 'validation', '--exclude',
        str(names)
    ])
    assert 'average mAP 100.00 % on 1 videos' in capsys.readouterr().out


def test_raw_ids_count_for_another_class(tool, annotations, write, capsys):
    # only run has an action in v1: label 1 becomes number 0, that of jump
    args = [
        write(v1=[(5, 9, 0.5, 1), (0, 1, 0.9, 0)]), annotations, '--subset',
        'validation', '--exclude'
    ]
    names = annotations.replace('annotations.json', 'blocked.txt')
    with open(names, 'w', encoding='utf-8') as file:
        file.write('v0')
    tool.main([*args, names])
    assert 'average mAP 100.00 %' in capsys.readouterr().out
    tool.main([*args, names, '--raw-ids'])
    assert 'average mAP 50.00 %' in capsys.readouterr().out


@pytest.mark.parametrize('videos, options, message', [
    (dict(), ['--recall', '0'], '^ValueError: ks must be whole numbers'),
    (dict(), ['--exclude', 'nowhere.txt'], '^FileNotFoundError: .*nowhere'),
    (dict(v0=[(0, 1, 0.5, 3)]), [],
     r"^ValueError: predictions file '.*': labels of video 'v0' must be .* "
     r"but got \['fly'\]"),
    (dict(x9=[(0, 1, 0.5, 1)]), [],
     r"^ValueError: videos of the predictions must be .*\['x9'\], 1 of 1"),
    (dict(v0=[(4, 1, 0.5, 1)]), ['--strict'],
     r"^ValueError: predictions file '.*': segments of .*\['v0'\]"),
    (dict(), ['--subset', 'test'
              ], "^ValueError: annotation file '.*': subset must be one of"),
    (dict(), ['--tiou', '50'], '^ValueError: tiou_thresholds must be'),
    (dict(), ['--classes', 'nowhere.txt'], '^FileNotFoundError: .*nowhere'),
])
def test_errors_are_one_clear_line(tool, annotations, write, videos, options,
                                   message):
    args = [write(**videos), annotations, '--subset', 'validation', *options]
    with pytest.raises(SystemExit, match=message) as error:
        tool.main(args)
    assert '\n' not in str(error.value)


def test_ids_spelled_otherwise_are_matched_on_request(annotations, write,
                                                      tmp_path):
    """The prefixed case: the hint of the refusal is what helps."""
    found = [(0, 10, 0.5, 1), (15, 20, 0.5, 0)]
    args = [annotations, '--subset', 'validation', '--no-classwise']

    def run(predictions, *options):
        return subprocess.run(
            [sys.executable, SCRIPT, predictions, *args, *options],
            capture_output=True,
            text=True)

    done = run(write(**{'V0.mp4': found, 'v1.mp4': [(5, 9, 0.5, 1)]}))
    assert done.returncode == 1 and done.stdout == ''
    assert done.stderr.strip().endswith(
        "2 of 2 are not; --rename-ids '{}.mp4' '{}' matches 1 of these 2")
    options = ['--rename-ids', '{}.mp4', '{}']
    done = run(str(tmp_path / 'predictions.json'), *options)
    assert done.stderr.strip().endswith(
        "1 of 2 are not; --ignore-case matches 1 of these 1")
    done = run(str(tmp_path / 'predictions.json'), *options, '--ignore-case')
    assert done.returncode == 0, done.stderr
    assert 'average mAP 100.00 % on 2 videos' in done.stdout
    assert 'no detections' not in done.stdout


def test_what_scores_nothing_is_refused(tool, annotations, write, tmp_path):
    only_training = write(t0=[(0, 1, 0.9, 2)])
    with pytest.raises(SystemExit, match='must have videos of the chosen'):
        tool.main([only_training, annotations, '--subset', 'validation'])
    bare = tmp_path / 'bare.json'
    entry = dict(subset='validation', duration=3)
    bare.write_text(json.dumps(dict(database=dict(t0=entry))))
    numbers = tmp_path / 'numbers.json'
    with pytest.raises(SystemExit, match='must have an action to evaluate'):
        tool.main([only_training, str(bare), '--json', str(numbers)])
    assert not numbers.exists()


def test_ambiguous_actions_are_ignored_unless_wanted(tool, write, tmp_path,
                                                     capsys):
    path = tmp_path / 'thumos.json'
    actions = [
        dict(segment=[0, 10], label='run'),
        dict(segment=[20, 30], label='Ambiguous')
    ]
    entry = dict(subset='test', annotations=actions)
    path.write_text(json.dumps(dict(database=dict(v0=entry))))
    predictions = write(v0=[(0, 10, 0.5, 1)])
    tool.main([predictions, str(path)])
    assert 'average mAP 100.00 % on 1 videos' in capsys.readouterr().out
    tool.main([predictions, str(path), '--ignore-labels'])
    assert 'average mAP 50.00 % on 1 videos' in capsys.readouterr().out


def test_missing_files_are_named(tool, annotations, write):
    with pytest.raises(SystemExit, match='no predictions file at'):
        tool.main(['nowhere.json', annotations, '--subset', 'validation'])
    with pytest.raises(SystemExit, match='no annotation file at'):
        tool.main([write(), 'nowhere.json'])


def test_existing_numbers_are_not_replaced(tool, annotations, write, tmp_path):
    out = tmp_path / 'numbers.json'
    out.write_text('precious')
    with pytest.raises(SystemExit, match='--json must be a new file'):
        tool.main([write(), annotations, '--json', str(out)])
    assert out.read_text() == 'precious'
