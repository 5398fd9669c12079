"""Verbs, nouns and actions of two small models."""
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dyfadet_mm.evaluation import save_predictions

FOLDER = Path(__file__).resolve().parents[2] / 'tools/analysis_tools'
VERBS = ('take', 'put', 'wash')
NOUNS = ('cup', 'plate')
# start, end, verb, noun
ACTIONS = [(0, 10, 0, 0), (20, 30, 1, 1), (40, 50, 0, 1)]


@pytest.fixture(scope='module')
def tool():
    """The script as a module; it imports another of its folder."""
    sys.path.insert(0, str(FOLDER))
    try:
        import eval_epic
        yield eval_epic
    finally:
        sys.path.remove(str(FOLDER))


@pytest.fixture
def write(tmp_path):
    """Write one task: annotations, and detections (start, end, score, label).

    """

    def _write(task, names, column, *found):
        annotations = [
            dict(
                segment=action[:2],
                label=names[action[column]],
                label_id=action[column]) for action in ACTIONS
        ]
        # the last class occurs in training only
        train = [
            dict(segment=[0, 1], label=name, label_id=i)
            for i, name in enumerate(names)
        ]
        ann_file = tmp_path / f'{task}.json'
        ann_file.write_text(
            json.dumps(
                dict(
                    database=dict(
                        P01_01=dict(
                            subset='validation',
                            duration=60,
                            annotations=annotations),
                        P01_02=dict(
                            subset='training', duration=60,
                            annotations=train)))))
        out_file = str(tmp_path / f'{task}_predictions.json')
        table = np.array(found, dtype=float).reshape(-1, 4)
        save_predictions(
            out_file,
            dict(
                P01_01=dict(
                    segments=table[:, :2],
                    scores=table[:, 2],
                    labels=table[:, 3].astype(int))), names)
        return out_file, str(ann_file)

    return _write


@pytest.fixture
def files(write):
    """Both predictions, then both annotations."""
    verb = write('verb', VERBS, 2, (0, 10, 0.9, 0), (20, 30, 0.8, 1),
                 (40, 50, 0.3, 1))
    noun = write('noun', NOUNS, 3, (0, 10, 0.9, 0), (20, 30, 0.6, 1),
                 (40, 50, 0.5, 1))
    return [verb[0], noun[0], verb[1], noun[1]]


def test_numbers_by_hand(tool, files, tmp_path, capsys):
    out = tmp_path / 'numbers.json'
    tool.main([*files, '--tiou', '0.5', '--json', str(out)])
    numbers = json.loads(out.read_text())
    assert numbers['verb']['AP'] == dict(take=[0.5], put=[1])
    assert numbers['noun']['AP'] == dict(cup=[1], plate=[1])
    # the last verb is wrong, hence its action too
    assert numbers['action']['AP'] == {
        'take + cup': [1],
        'take + plate': [0],
        'put + plate': [1]
    }
    text = capsys.readouterr().out
    assert 'verb: average mAP 75.00 % on 1 videos' in text
    assert 'action: average mAP 66.67 % on 1 videos' in text


def test_runs_as_a_script(files):
    done = subprocess.run(
        [sys.executable,
         str(FOLDER / 'eval_epic.py'), *files, '--classwise'],
        capture_output=True,
        text=True)
    assert done.returncode == 0, done.stderr
    assert '| put + plate ' in done.stdout


def test_swapped_files_are_refused(tool, files):
    verb, noun, verb_truth, noun_truth = files
    with pytest.raises(
            SystemExit,
            match="^ValueError: predictions file '.*': labels of v"):
        tool.main([noun, verb, verb_truth, noun_truth])


def test_ids_spelled_otherwise_are_matched_on_request(tool, files, capsys):
    for path in files[:2]:
        text = Path(path).read_text()
        Path(path).write_text(text.replace('P01_01', '01_01'))
    hint = r"1 of 1 are not; --rename-ids '{}' 'P{}' matches 1 of these 1$"
    with pytest.raises(SystemExit, match=hint):
        tool.main(files)
    tool.main([*files, '--rename-ids', '{}', 'P{}'])
    assert 'noun: average mAP 100.00 %' in capsys.readouterr().out


def test_existing_numbers_are_not_replaced(tool, files, tmp_path):
    out = tmp_path / 'numbers.json'
    out.write_text('precious')
    with pytest.raises(SystemExit, match='--json must be a new file'):
        tool.main([*files, '--json', str(out)])
    assert out.read_text() == 'precious'
