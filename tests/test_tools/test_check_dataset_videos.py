"""Features against the frames of their videos."""
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from dyfadet_mm.fileio import write_video

pytest.importorskip('av')
ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / 'tools/analysis_tools'
CONFIG = str(ROOT / 'configs/dyfadet/dyfadet_custom.py')
SHARED = ROOT.parent / 'shared/data/videos'


@pytest.fixture(scope='module')
def tool():
    """The script as a module; it imports others of its folder."""
    sys.path.insert(0, str(FOLDER))
    try:
        import check_dataset
        yield check_dataset
    finally:
        sys.path.remove(str(FOLDER))


def findings(tool, folder, videos, **settings):
    """What is said of the videos."""
    out = folder / 'report.json'
    settings = dict(
        settings, data_root=folder, feat_stride=4, feat_num_frames=16)
    with pytest.raises(SystemExit):
        tool.main([
            CONFIG, '--jobs=1', '--force', f'--json={out}',
            f'--videos={videos}', '--cfg-options',
            *(f'{k}={v}' for k, v in settings.items())
        ])
    found = json.loads(out.read_text())['findings']
    return [(each['severity'], each['message']) for each in found
            if each['check'] == 'videos']


@pytest.fixture
def folder(tmp_path):
    """Two videos of 40 frames, of which one has features of 80."""
    (tmp_path / 'features').mkdir()
    (tmp_path / 'videos').mkdir()
    database = {}
    for name, num_cells in dict(good=7, longer=17).items():
        write_video(
            str(tmp_path / f'videos/v_{name}.mp4'),
            [np.zeros((16, 16, 3), np.uint8)] * 40, 30)
        np.save(tmp_path / f'features/{name}.npy',
                np.random.rand(num_cells, 6).astype(np.float32))
        database[name] = dict(
            subset='training',
            duration=40 / 30,
            fps=30,
            annotations=[dict(segment=[0.2, 1], label='run')])
    (tmp_path / 'annotations.json').write_text(
        json.dumps(dict(database=database)))
    return tmp_path


def test_features_of_another_cut_are_found(tool, folder):
    (severity, message), = findings(
        tool, folder, folder / 'videos', feat_dim=6)
    assert severity == 'error' and "'longer' must have 7 cells" in message
    assert 'but have 17: 40 frames too many' in message


def test_a_damaged_video_is_a_warning(tool, folder):
    (folder / 'videos/v_good.mp4').write_text('no video')
    found = findings(tool, folder, folder / 'videos', feat_dim=6)
    assert sorted(each[0] for each in found) == ['error', 'warning']


def test_a_folder_without_videos_is_refused(tool, folder, capsys):
    with pytest.raises(SystemExit) as end:
        tool.main([CONFIG, '--videos', str(folder / 'features')])
    assert end.value.code == 2
    assert 'no videos in' in capsys.readouterr().err


@pytest.mark.skipif(not SHARED.exists(), reason='../shared is absent')
def test_recorded_videos(tool, tmp_path):
    (tmp_path / 'features').mkdir()
    for name in ('highjump', 'tennis26'):
        (tmp_path / f'features/{name}.npy').symlink_to(SHARED /
                                                       f'{name}_i3d.npy')
    database = json.loads(
        (SHARED / 'annotations.json').read_text())['database']
    for entry in database.values():
        entry['subset'] = 'training'
    (tmp_path / 'annotations.json').write_text(
        json.dumps(dict(database=database)))
    (_, message), = findings(tool, tmp_path, SHARED, feat_dim=1024)
    assert "'highjump' must have 178 cells" in message
    assert '56 frames too few' in message and "1 more: 'tennis26'" in message
