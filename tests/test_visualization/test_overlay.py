import importlib.util

import numpy as np
import pytest

from dyfadet_mm.fileio import VideoError, VideoReader, probe_video, write_video
from dyfadet_mm.visualization import write_overlay

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec('av') is None, reason='PyAV is not installed')
GREY = 100


@pytest.fixture(scope='module')
def grey(tmp_path_factory):
    """A grey video of 10 seconds."""
    path = tmp_path_factory.mktemp('grey') / 'grey.mp4'
    frames = (np.full((120, 320, 3), GREY, np.uint8) for _ in range(50))
    write_video(str(path), frames, 5)
    return str(path)


def video(**changes):
    out = dict(
        video_id='v0',
        segments=[[2., 4.], [3., 8.], [9., 10.]],
        scores=[0.9, 0.6, 0.1],
        labels=[0, 1, 0])
    return {**out, **changes}


def drawn(path):
    """Where frames are no longer grey, (T, H, W)."""
    with VideoReader(str(path)) as reader:
        frames = np.stack([frame for _, frame in reader]).astype(int)
    return (np.abs(frames - GREY) > 25).any(-1)


def test_names_come_and_go_with_their_detections(grey, tmp_path):
    path = tmp_path / 'new' / 'overlay.mp4'
    write_overlay(str(path), grey, video(), ('run', 'jump'))
    mask = drawn(path)
    assert mask.shape == (50, 120, 320)
    rows = mask[:, :100].any(2).sum(1)  # above the bars
    seconds = np.arange(50) / 5
    assert not rows[(seconds < 2) | (seconds >= 8)].any()
    one, two = rows[seconds == 2.4][0], rows[seconds == 3.4][0]
    assert one >= 10 and two > 1.6 * one
    assert rows[seconds == 6][0] == pytest.approx(one, abs=2)


def test_bars_and_a_playhead_lie_below(grey, tmp_path):
    plain, truth = tmp_path / 'plain.mp4', tmp_path / 'truth.mp4'
    write_overlay(str(plain), grey, video())
    write_overlay(
        str(truth), grey, video(gt_segments=[[2., 4.]], gt_labels=[0]))
    heights = [int(drawn(path)[0, 60:, 200].sum()) for path in (plain, truth)]
    assert 0 < heights[0] < heights[1] < 30
    with VideoReader(str(plain)) as reader:
        frames = [frame for _, frame in reader]
    for index in (0, 20, 40):
        playhead = frames[index][-heights[0]:].min(-1).min(0).argmax()
        assert playhead == pytest.approx(index / 50 * 320, abs=4)


def test_odd_names_and_small_frames(grey, tmp_path, recwarn):
    small = str(tmp_path / 'small.mp4')
    write_video(small,
                (np.full((31, 33, 3), GREY, np.uint8) for _ in range(5)), 1)
    names = ('$\\frac$ \U0001b170 ' + 'x' * 10000, '\u0642\u0641\u0632 \u8df3')
    for number, source in enumerate((small, grey)):
        path = tmp_path / f'{number}.mp4'
        write_overlay(str(path), source, video(), names, score_thr=0.)
        assert drawn(path)[3:].any()
        assert probe_video(
            str(path)).num_frames == probe_video(source).num_frames
    assert not [each for each in recwarn if 'Glyph' in str(each.message)]


def test_nothing_to_draw_is_no_error(grey, tmp_path):
    path = tmp_path / 'none.mp4'
    write_overlay(
        str(path), grey, dict(segments=[[5, 3]], scores=[1.], labels=[0]))
    assert not drawn(path)[:, :100].any()


def test_errors_leave_nothing(grey, tmp_path):
    text = tmp_path / 'text.mp4'
    text.write_text('none')
    out = str(tmp_path / 'out.mp4')
    with pytest.raises(VideoError, match='text.mp4'):
        write_overlay(out, str(text), video())
    with pytest.raises(FileNotFoundError, match='absent.mp4'):
        write_overlay(out, str(tmp_path / 'absent.mp4'), video())
    with pytest.raises(FileExistsError, match='must be new'):
        write_overlay(str(text), grey, video())
    with pytest.raises(FileExistsError, match='must be new'):
        write_overlay(grey, grey, video())
    with pytest.raises(ValueError, match='another file than the video'):
        write_overlay(grey, grey, video(), overwrite=True)
    assert [each.name for each in tmp_path.iterdir()] == ['text.mp4']
