import cv2
import numpy as np
import pytest

NAMES = [f'Class {i:03d}' for i in range(200)]


@pytest.fixture
def hacs(write_json, official, video):
    return write_json(
        'hacs.json',
        official(
            NAMES,
            zero=video('validation', '92.166667', (4, 4, NAMES[9]),
                       (7.25, 9, NAMES[0])),
            unseen=dict(subset='testing', duration='10.5', url='')))


def test_hacs_with_the_rate_of_every_video(run_script, read_back, hacs,
                                           tmp_path):
    table = tmp_path / 'table.csv'
    table.write_text('video_id,fps,frame,duration\n'
                     'all,25,,\nzero,,2765,92.166667\nunseen,29.97,,\n')
    out = tmp_path / 'out.json'
    text = run_script('hacs_to_tad', hacs, '--videos', table, '--out', out)
    classes, videos = read_back(out, ('validation', 'testing'))
    assert classes == tuple(NAMES)
    duration, fps, actions = videos['zero']
    assert (duration, actions) == (92.166667, [(7.25, 9, 0)])
    assert fps == pytest.approx(30, abs=1e-3)
    assert videos['unseen'] == (10.5, 29.97, [])
    assert 'dropped: 1 actions of no length' in text
    assert 'no fps' not in text


def test_hacs_rates_from_videos(converter, read_back, hacs, tmp_path):
    """Folders per class, and names with v_, as the download script makes."""
    folder = tmp_path / 'videos/Archery'
    folder.mkdir(parents=True)
    _write_video(folder / 'all.mp4', 5, 10)
    _write_video(folder / 'v_zero.avi', 20, 12)
    (folder / 'broken.mp4').write_text('never opened')
    out = tmp_path / 'out.json'
    args = [str(hacs), '--out', str(out), '--videos', str(tmp_path / 'videos')]
    with pytest.raises(SystemExit, match="none for 1, such as .'unseen'"):
        converter('hacs_to_tad').main(args)
    converter('hacs_to_tad').main([*args, '--exclude', 'unseen'])
    assert read_back(out, 'training')[1]['all'][1] == 5
    assert read_back(out, 'validation')[1]['zero'][:2] == (92.166667, 20)


def _write_video(path, fps, num_frames):
    codec = 'mp4v' if path.suffix == '.mp4' else 'MJPG'
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter_fourcc(*codec), fps, (32, 32))
    assert writer.isOpened()
    for _ in range(num_frames):
        writer.write(np.zeros((32, 32, 3), dtype=np.uint8))
    writer.release()
