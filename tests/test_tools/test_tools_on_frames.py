"""Tools for data sets and models, on videos and a detector that reads them."""
import json
import re

import numpy as np
import pytest
from matplotlib.image import imread
from small_data import run_tool
from video_data import write_video_data

pytest.importorskip('av')


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    return write_video_data(tmp_path_factory.mktemp('videos'))


def test_a_sound_data_set_has_no_errors(config, tmp_path):
    done = run_tool('analysis_tools/check_dataset.py', config, '--json',
                    tmp_path / 'found.json')
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / 'found.json').read_text())
    assert {each['severity'] for each in found['findings']} <= {'note'}


def test_broken_videos_are_findings(tmp_path):
    config = write_video_data(tmp_path)
    videos = tmp_path / 'videos'
    (videos / 'vid_000.mp4').unlink()
    (videos / 'vid_001.mp4').write_text('no video')
    annotations = tmp_path / 'annotations.json'
    content = json.loads(annotations.read_text())
    content['database']['vid_002']['duration'] = 99.
    annotations.write_text(json.dumps(content))
    done = run_tool('analysis_tools/check_dataset.py', config, '--json',
                    tmp_path / 'found.json')
    assert done.returncode == 1, done.stderr
    found = json.loads((tmp_path / 'found.json').read_text())
    errors = {
        each['check']: each['message']
        for each in found['findings'] if each['severity'] == 'error'
    }
    assert 'vid_000' in errors['missing features']
    assert 'vid_001.mp4' in errors['unreadable features']
    assert "'vid_002' " in errors['pipeline'] and '99.00' in errors['pipeline']


def test_frames_are_drawn_above_the_actions(config, tmp_path):
    """Both actions of a video are all bright or all dark."""
    done = run_tool('analysis_tools/browse_dataset.py', config, '--out-dir',
                    tmp_path / 'out', '--phase', 'val', '--num', 1)
    assert done.returncode == 0, done.stderr
    image = imread(next((tmp_path / 'out').glob('*.png')))[..., :3]
    row = image[60, 180:1600].mean(-1)  # through the frames
    noise = np.abs(row - 0.5) < 0.14
    changed = (row < 0.36) | (row > 0.64)
    assert 0.1 < changed.mean() < 0.7 and noise.mean() > 0.2


def test_operations_of_the_frame_encoder_are_counted(config):
    tool = 'analysis_tools/get_flops.py'
    done = run_tool(tool, config)
    assert done.returncode == 1 and '--shape must be T k H W' in done.stderr
    counts = []
    for height in (16, 32):
        done = run_tool(tool, config, '--shape', 32, 2, height, 16)
        assert f'Input shape: (1, 3, 32, 2, {height}, 16)' in done.stdout
        counts.append(
            float(re.search(r'Flops: ([\d.]+)M', done.stdout).group(1)))
    # the detector behind the encoder needs the same
    of_encoder = counts[1] - counts[0]
    assert 1 < of_encoder < counts[0]


def test_a_benchmark_of_features_refuses_frames(config):
    done = run_tool('analysis_tools/benchmark.py', config)
    assert done.returncode == 1
    assert 'set model.encoder=None' in done.stderr.splitlines()[-1]
