import json
import os.path as osp
import subprocess
import sys

import mmcv
import numpy as np
import pytest

from dyfadet_mm.evaluation import save_predictions

SCRIPT = osp.join(
    osp.dirname(__file__), '../../tools/analysis_tools/plot_timeline.py')


@pytest.fixture(scope='module')
def tool():
    """The script as a module; it imports another of its folder."""
    sys.path.insert(0, osp.dirname(SCRIPT))
    try:
        import plot_timeline
        yield plot_timeline
    finally:
        sys.path.remove(osp.dirname(SCRIPT))


@pytest.fixture
def files(tmp_path):
    """A predictions file of v0 and v1, and annotations of v0, v1 and v2."""
    action = dict(segment=[3, 9], label='run')
    entry = dict(subset='validation', duration=30, annotations=[action])
    annotations = tmp_path / 'annotations.json'
    annotations.write_text(
        json.dumps(dict(database={f'v{i}': entry
                                  for i in range(3)})))
    found = dict(
        segments=np.array([[3., 8.]]),
        scores=np.array([0.8]),
        labels=np.array([0]))
    predictions = str(tmp_path / 'predictions.json')
    save_predictions(predictions, dict(v0=found, v1=found), ['run'])
    return [predictions, str(annotations)]


def test_each_video_adds_to_the_image(tool, files, tmp_path):
    heights = []
    for videos in (['v1'], ['v1', 'v2'], ['v1', 'v2', 'v0']):
        out = tmp_path / 'new' / f'{len(videos)}.png'
        tool.main([*files, '--out', str(out), '--videos', *videos])
        heights.append(mmcv.imread(str(out)).shape[0])
    assert heights[0] < heights[1] < heights[2]


def test_first_detected_videos_are_the_default(tool, files, tmp_path, capsys):
    out = tmp_path / 'timeline.png'
    tool.main([*files, '--out', str(out), '--title', 'Digits'])
    assert 'timelines of 2 of 3 videos are in' in capsys.readouterr().out
    assert out.exists()


def test_odd_labels_ids_and_files_without_actions_are_drawn(tmp_path):
    """As a script; the picture's title counts the videos."""
    found = dict(
        segments=np.array([[3., 8.], [9., 20.]]),
        scores=np.array([0.8, 0.5]),
        labels=np.array([0, 1]))
    predictions = str(tmp_path / 'predictions.json')
    save_predictions(predictions, {'a/$x$': found},
                     ['$\\frac$', '\u8df3\u9ad8'])
    annotations = tmp_path / 'annotations.json'
    entry = dict(subset='test', duration=30)
    annotations.write_text(json.dumps(dict(database={'clip_a/$x$': entry})))
    command = [sys.executable, SCRIPT, predictions, str(annotations)]
    out = tmp_path / 'timeline.png'
    done = subprocess.run([*command, '--out', str(out)],
                          capture_output=True,
                          text=True)
    assert done.returncode == 1
    assert done.stderr.strip().endswith(
        "--rename-ids '{}' 'clip_{}' matches 1 of these 1")
    done = subprocess.run([
        *command, '--out',
        str(out), '--rename-ids', '{}', 'clip_{}', '--title', '$x_{$ \u8df3'
    ],
                          capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    assert 'timelines of 1 of 1 videos are in' in done.stdout
    assert 'Glyph' not in done.stderr and mmcv.imread(str(out)).min() < 128


@pytest.mark.parametrize('options, message', [
    (['--videos', 'v0', 'x9'], r"videos must be .* but got \['x9'\]"),
    (['--subset', 'test'], 'subset must be one of'),
    (['--num-videos', '0'], 'num-videos must be at least 1, but got 0'),
])
def test_errors_are_one_clear_line(tool, files, tmp_path, options, message):
    out = tmp_path / 'timeline.png'
    with pytest.raises(SystemExit, match=message):
        tool.main([*files, '--out', str(out), *options])
    assert not out.exists()
