"""The way of a user: predict, correct in a tool, train on the result."""
import json
import re
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from dyfadet_mm.evaluation import (load_epic_submission, pair_detections,
                                   save_predictions)

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
FPS = 25.
VIDEOS = ('a', 'b', 'c')
CLASSES = ('jump', 'run')


def run(script, *args, cwd, fails=False):
    """Run a tool as a user does, and return what it prints."""
    done = subprocess.run(
        [sys.executable, str(TOOLS / script), *map(str, args)],
        cwd=cwd,
        capture_output=True,
        text=True)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stderr.strip() if fails else done.stdout


def export(*args, **kwargs):
    return run('misc/export_predictions.py', *args, **kwargs)


def convert(*args, **kwargs):
    return run('dataset_converters/annotations_to_tad.py', *args, **kwargs)


def evaluate(folder, predictions, annotations, *args):
    """mAP as the evaluator prints it."""
    text = run('analysis_tools/eval_predictions.py', predictions, annotations,
               *args, cwd=folder)  # yapf: disable
    return re.search(r'average mAP ([\d.]+) %', text)[1]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Videos of 4 seconds, predictions of two of them, and annotations."""
    folder = tmp_path_factory.mktemp('tools')
    (folder / 'videos').mkdir()
    for name in VIDEOS:
        write_video(str(folder / 'videos' / f'{name}.mp4'))
    found = dict(
        segments=np.array([[0., 1.21], [0.5, 2.], [2., 4.]]),
        scores=np.array([0.9, 0.6, 0.2]),
        labels=np.array([0, 1, 0]))
    save_predictions(
        str(folder / 'predictions.json'), dict(a=found, b=found), CLASSES)
    actions = [
        dict(segment=[0, 1], label='jump'),
        dict(segment=[2.52, 4], label='run')
    ]
    entry = dict(subset='test', duration=4., fps=FPS, annotations=actions)
    for file, ids in (('truth.json', 'a b c'), ('v_truth.json',
                                                'v_a v_b v_c')):
        content = dict(database={k: entry for k in ids.split()})
        (folder / file).write_text(json.dumps(content))
    return folder


def write_video(path):
    with av.open(path, 'w') as container:
        stream = container.add_stream('libx264', rate=int(FPS))
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        for _ in range(int(4 * FPS)):
            frame = av.VideoFrame.from_ndarray(
                np.zeros((48, 64, 3), np.uint8), format='rgb24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


ROUND_TRIPS = {
    'label-studio': ('tasks.json', 'tasks.json', '--labeling-config=tasks.xml',
                     '--validation=b'),
    'cvat': ('cvat', 'cvat', '--videos=videos', '--validation=b'),
    'via': ('via.json', 'via.json', '--videos=videos', '--validation=b'),
    'elan': ('eaf', 'eaf', '--videos=videos', '--validation=b'),
    'csv': ('t.csv', 't.csv', '--validation=b')
}


@pytest.mark.parametrize('name', ROUND_TRIPS)
def test_predictions_come_back_as_annotations(folder, tmp_path, name):
    out, *options = ROUND_TRIPS[name]
    (tmp_path / 'videos').symlink_to(folder / 'videos')
    predictions = folder / 'predictions.json'
    text = export(predictions, '--format', name, '--videos=videos', '--out',
                  out, cwd=tmp_path)  # yapf: disable
    assert '4 actions of 2 videos' in text
    if name == 'label-studio':
        accept(tmp_path / out)
    text = convert(*options, '--out', 'mine.json', cwd=tmp_path)
    assert 'validation: 1 videos, 2 actions' in text
    database = json.loads((tmp_path / 'mine.json').read_text())['database']
    assert {
        k: (v['subset'], v['duration'], v['fps'])
        for k, v in database.items()
    } == dict(
        a=('training', 4., FPS), b=('validation', 4., FPS))
    for entry in database.values():
        times = {x['label']: x['segment'] for x in entry['annotations']}
        assert set(times) == set(CLASSES)
        # half a frame
        assert times['jump'] == pytest.approx([0, 1.21], abs=0.0201)
        assert times['run'] == pytest.approx([0.5, 2], abs=0.0201)


def accept(path):
    """A person finds the predictions of Label Studio right."""
    tasks = json.loads(path.read_text())
    for task in tasks:
        (prediction, ) = task['predictions']
        assert prediction['result'][0]['score'] == 0.9
        task['annotations'] = [dict(result=prediction['result'])]
    path.write_text(json.dumps(tasks))


def test_frame_rate_of_label_studio_is_compared(folder, tmp_path):
    value = dict(ranges=[dict(start=24, end=48)], timelinelabels=['run'])
    result = [dict(id='r', type='timelinelabels', value=value)]
    tasks = [
        dict(
            id=1, data=dict(video='a.mp4'), annotations=[dict(result=result)]),
        dict(id=2, data=dict(video='b.mp4'), annotations=[])
    ]
    (tmp_path / 'tasks.json').write_text(json.dumps(tasks))
    args = ('tasks.json', '--videos', folder / 'videos', '--out', 'mine.json')
    assert '24 unless set' in convert(*args, cwd=tmp_path, fails=True)
    text = convert(*args, '--frame-rate=24', cwd=tmp_path)
    assert 'times are frames / 24, the frame rate of --frame-rate' in text
    assert "such as 'a' with 25 instead of 24: what is read as 60 s would " \
        'be 57.60 s' in text
    assert '1 tasks have no annotation' in text
    database = json.loads((tmp_path / 'mine.json').read_text())['database']
    assert database['a']['annotations'][0]['segment'] == [1, 2]
    assert database['a']['fps'] == FPS and database['b']['annotations'] == []
    # an action behind the end shows that the rate is wrong
    text = convert(
        *args, '--frame-rate=5', '--force', cwd=tmp_path, fails=True)
    assert 'task 1' in text and 'frame 24 is at 4.80 s of 4.00 s' in text


def test_annotations_are_exported_to_be_corrected(folder, tmp_path):
    export(folder / 'truth.json', '--format=label-studio', '--out=x.json',
           cwd=tmp_path)  # yapf: disable
    tasks = json.loads((tmp_path / 'x.json').read_text())
    assert not any(task['predictions'] for task in tasks)
    convert('x.json', '--labeling-config=x.xml', '--out=y.json', cwd=tmp_path)
    old, new = (
        json.loads(file.read_text())['database']
        for file in (folder / 'truth.json', tmp_path / 'y.json'))
    for entry in new.values():
        for action in entry['annotations']:
            del action['label_id']
    assert new == old


def test_errors_are_one_line_and_nothing_is_lost(folder, tmp_path):
    (tmp_path / 'a.csv'
     ).write_text('video,start,end,label\na.mp4,1,2,run\nb.mp4,1,2,hop\n')
    (tmp_path / 'names.txt').write_text('run\n')
    (tmp_path / 'own.json').write_text('mine')
    predictions = folder / 'predictions.json'
    for tool, out, args, complaint in (
        (convert, 'x.json', ['a.csv'], "line 2: the duration of video 'a'"),
        (convert, 'x.json',
         ['a.csv', '--videos', folder / 'videos', '--classes',
          'names.txt'], 'line 3: label must be one of the 1 of --classes'),
        (convert, 'x.json', ['a.csv', '--validation', 'z'], "but got 'z'"),
        (convert, 'x.json', ['names.txt'], 'name its kind with --format'),
        (convert, 'x.json', ['none.csv'], "no table at 'none.csv'"),
        (export, 'x', [predictions, '--format=cvat'],
         "fps of video 'a' must be known for cvat"),
        (export, 'x', [predictions, '--format=cvat', '--fps=25'],
         "duration of video 'a' must be known for cvat"),
        (export, 'x.zip', [predictions,
                           '--format=epic-kitchens'], '--nouns FILE'),
    ):
        text = tool(*args, '--out', out, cwd=tmp_path, fails=True)
        assert complaint in text and '\n' not in text, text
        assert not (tmp_path / out).exists()
    text = export(predictions, '--format=via', '--out=own.json', cwd=tmp_path,
                  fails=True)  # yapf: disable
    assert 'must be a new file' in text
    assert (tmp_path / 'own.json').read_text() == 'mine'


def test_odd_ids_stay_in_their_folder(folder, tmp_path):
    found = dict(
        segments=np.array([[0., 1.]]),
        scores=np.array([0.9]),
        labels=np.array([0]))
    save_predictions(
        str(tmp_path / 'p.json'), {
            '../../up': found,
            'x/y': found,
            'x_y': found
        }, ['run'])
    export('p.json', '--format=elan', '--out=in/eaf', cwd=tmp_path)
    assert {str(p.relative_to(tmp_path))
            for p in tmp_path.rglob('*.eaf')
            } == {'in/eaf/.._.._up.eaf', 'in/eaf/x_y.eaf', 'in/eaf/x_y-2.eaf'}


@pytest.mark.parametrize('name', ['thumos14', 'ego4d-mq'])
def test_submissions_score_as_the_predictions_do(folder, tmp_path, name):
    predictions = folder / 'predictions.json'
    expected = evaluate(tmp_path, predictions, folder / 'truth.json')
    assert 0 < float(expected) < 100
    export(predictions, '--format', name, '--out=s.json', cwd=tmp_path)
    export(predictions, '--format', name, '--out=v.json', '--rename-ids',
           '{}', 'v_{}', cwd=tmp_path)  # yapf: disable
    assert evaluate(tmp_path, 's.json', folder / 'truth.json') == expected
    assert evaluate(tmp_path, 'v.json', folder / 'v_truth.json') == expected
    assert evaluate(tmp_path, 'v.json', folder / 'truth.json', '--rename-ids',
                    'v_{}', '{}') == expected


def test_epic_submission_has_the_pairs_that_the_evaluator_scores(tmp_path):
    rng = np.random.default_rng(0)
    tasks = {}
    for name, count in (('verb', 97), ('noun', 300)):
        starts = rng.uniform(0, 20, 30)
        names = [f'{name} {i}' for i in range(count)]
        tasks[name] = dict(
            P01_01=dict(
                segments=np.stack([starts, starts + 5], 1),
                scores=rng.uniform(0, 1, 30),
                labels=rng.integers(count, size=30)))
        save_predictions(str(tmp_path / f'{name}.json'), tasks[name], names)
        (tmp_path / f'{name}.txt').write_text('\n'.join(names))
    text = export('verb.json', '--format=epic-kitchens', '--nouns=noun.json',
                  '--classes', 'verb.txt', 'noun.txt', '--out=s.zip',
                  cwd=tmp_path)  # yapf: disable
    found = load_epic_submission(str(tmp_path / 's.zip'))['P01_01']
    expected = pair_detections(tasks['verb'], tasks['noun'])['P01_01']
    assert f"{len(expected['labels'])} detections of 1 videos" in text
    for key, values in expected.items():
        np.testing.assert_allclose(found[key], values)
