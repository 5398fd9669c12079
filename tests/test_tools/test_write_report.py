import json
import os
import os.path as osp
import re
import subprocess
import sys

import numpy as np
import pytest

from dyfadet_mm.evaluation import save_predictions

SCRIPT = osp.join(
    osp.dirname(__file__), '../../tools/analysis_tools/write_report.py')


@pytest.fixture
def files(tmp_path):
    """Predictions of v0, v1 and a hostile id; annotations of v0 and v1."""
    entry = dict(
        subset='validation',
        duration=30,
        annotations=[dict(segment=[3, 9], label='run')])
    (tmp_path / 'annotations.json').write_text(
        json.dumps(dict(database=dict(v0=entry, v1=entry))))
    found = dict(
        segments=np.array([[3., 8.]]),
        scores=np.array([0.8]),
        labels=np.array([0]))
    save_predictions(
        str(tmp_path / 'predictions.json'),
        dict.fromkeys(('v0', 'v1', '../outside'), found), ['run'])
    (tmp_path / 'outside.mp4').write_bytes(b'outside')
    (tmp_path / 'videos').mkdir()
    for name in ('v0.mp4', 'v1.webm', 'v1.avi', 'v0.txt'):
        (tmp_path / 'videos' / name).write_bytes(b'video')
    return tmp_path


def run(folder, *options):
    return subprocess.run(
        [sys.executable, SCRIPT, 'predictions.json', *options],
        cwd=folder,
        capture_output=True,
        text=True)


def data(path):
    text = path.read_text(encoding='utf-8')
    return json.loads(
        re.search('id="data">(.*?)</script>', text, flags=re.S)[1])


def test_predictions_alone_give_a_page(files):
    done = run(files, '--out', 'out/report.html', '--videos', 'videos')
    assert done.returncode == 0, done.stderr
    assert 'report of 3 videos is in out/report.html' in done.stdout
    assert '1 of them have no file in videos' in done.stdout
    videos = {
        each['name']: each
        for each in data(files / 'out' / 'report.html')['videos']
    }
    assert videos['v0']['file']['source'] == './../videos/v0.mp4'
    assert videos['v1']['file']['source'] == './../videos/v1.webm'
    assert videos['../outside']['file'] is None
    assert videos['v0']['truth'] is None and videos['v0']['duration'] is None


def test_annotations_bring_ground_truth(files):
    done = run(files, 'annotations.json', '--out', 'report.html', '--ids',
               'v1', '--score-thr', '0.4', '--title', 'Runs')
    assert done.returncode == 0, done.stderr
    content = data(files / 'report.html')
    video, = content['videos']
    assert video['truth']['starts'] == [3] and video['duration'] == 30
    assert (content['threshold'], content['title']) == (0.4, 'Runs')


@pytest.mark.parametrize('options, message', [
    (['--out', 'videos/v0.txt'], 'FileExistsError: .* must be new'),
    (['--out', 'a.html', '--ids', 'v9'], r"ids must be .* but got \['v9'\]"),
    (['--out', 'a.html', '--videos', 'none'], 'FileNotFoundError: .*none'),
    (['--out', 'videos'], 'WriteError: .*is a folder'),
    (['annotations.json', '--out', 'a.html', '--subset', 'test'
      ], 'ValueError: .*subset must be one of'),
])
def test_errors_are_one_line(files, options, message):
    done = run(files, *options)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert re.search(message, last), done.stderr
    assert not (files / 'a.html').exists()
    assert (files / 'videos/v0.txt').read_bytes() == b'video'


def test_force_replaces(files):
    assert run(files, '--out', 'a.html').returncode == 0
    assert run(files, '--out', 'a.html').returncode == 1
    assert run(files, '--out', 'a.html', '--force').returncode == 0
    assert 'a.html' in os.listdir(files)
