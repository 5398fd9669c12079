"""Real files and real codecs; see tests/test_apis for what is made of them."""
import os
import os.path as osp
from fractions import Fraction

import cv2
import numpy as np
import pytest

from dyfadet_mm.fileio import (VideoError, VideoReader, find_videos,
                               probe_video, write_video)

av = pytest.importorskip('av')
SHARED = osp.join(osp.dirname(__file__), '../../../shared/data/videos')


def picture(height=32, width=48):
    """Four quarters of one colour each, so that it shows which way is up."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:height // 2, :width // 2] = 255, 0, 0
    image[:height // 2, width // 2:] = 0, 255, 0
    image[height // 2:, :width // 2] = 0, 0, 255
    return image


def grey(value, height=32, width=48):
    return np.full((height, width, 3), value, np.uint8)


def encode(path,
           frames,
           stamps=None,
           codec='libx264',
           pix_fmt='yuv420p',
           rotation=0,
           image_format='rgb24',
           **options):
    """Write a file of any kind, frame k at stamps[k] / 30 seconds."""
    with av.open(str(path), 'w', options=options) as container:
        stream = container.add_stream(codec, 30)
        stream.pix_fmt = pix_fmt
        stream.height, stream.width = frames[0].shape[:2]
        stream.codec_context.time_base = Fraction(1, 30)
        if rotation:
            stream.set_display_rotation(rotation)
        for k, frame in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(frame, format=image_format)
            frame.pts = k if stamps is None else stamps[k]
            frame.time_base = Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return str(path)


def read(path):
    """All frames, and their seconds."""
    with VideoReader(path) as reader:
        seconds, frames = zip(*reader)
    return np.array(seconds), frames


def resample(path, fps):
    """Brightness of the frames at a rate, in steps of 8."""
    with VideoReader(path) as reader:
        return [round(x.mean() / 8) for x in reader.resampled(fps)]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('videos')


@pytest.fixture(scope='module')
def steady(folder):
    """60 frames in 2 seconds, brighter and brighter, its index in front."""
    path = str(folder / 'steady.mp4')
    rng = np.random.default_rng(0)
    frames = [
        (grey(4 * k, 64, 64) / 2 + rng.integers(0, 100,
                                                (64, 64, 3))).astype(np.uint8)
        for k in range(60)
    ]
    assert write_video(path, frames, 30) == 60
    return path


def test_header_and_frames(steady):
    info = probe_video(steady)
    assert info == (steady, 2., 30., 60, 64, 64)
    seconds, frames = read(steady)
    assert seconds == pytest.approx(np.arange(60) / 30)
    assert {(f.shape, f.dtype.name)
            for f in frames} == {((64, 64, 3), 'uint8')}
    assert frames[0].flags.c_contiguous and frames[0].flags.writeable


@pytest.mark.parametrize('suffix, codec', [('mkv', 'libx264'),
                                           ('avi', 'mpeg4'), ('ts', 'libx264'),
                                           ('webm', 'libvpx-vp9'),
                                           ('mov', 'mpeg4')])
def test_containers(folder, suffix, codec):
    frames = [grey(8 * k) for k in range(20)]
    path = encode(folder / f'container.{suffix}', frames, codec=codec)
    info = probe_video(path)
    assert info.fps == pytest.approx(30, rel=0.01)
    assert abs(info.num_frames - 20) <= 1
    assert info.duration == pytest.approx(20 / 30, abs=0.05)
    assert resample(path, info.fps) == list(range(20))
    assert read(path)[0] == pytest.approx(np.arange(20) / 30, abs=2e-3)


def test_time_stamps_of_a_variable_rate(folder):
    stamps = [0, 1, 2, 11, 12, 13, 14, 15, 16, 29]
    path = encode(folder / 'variable.mp4', [grey(8 * k) for k in range(10)],
                  stamps)
    assert read(path)[0] == pytest.approx(np.array(stamps) / 30)
    nearest = [int(np.abs(np.array(stamps) - k).argmin()) for k in range(30)]
    assert resample(path, 30) == nearest
    assert resample(path, 10) == nearest[::3]
    assert resample(path, 60)[:5] == [0, 0, 1, 1, 2]


def test_times_count_from_the_first_frame(folder):
    path = encode(folder / 'late.ts', [grey(8 * k) for k in range(9)],
                  range(300, 309))
    seconds, _ = read(path)
    assert seconds == pytest.approx(np.arange(9) / 30, abs=1e-3)


def test_another_rate_keeps_the_times(steady):
    with VideoReader(steady) as reader:
        own = [frame for _, frame in reader]
    for fps, step in ((30, 1), (15, 2), (10, 3)):
        with VideoReader(steady) as reader:
            found = list(reader.resampled(fps))
        assert len(found) == 60 // step
        assert all(np.array_equal(*pair) for pair in zip(found, own[::step]))


@pytest.mark.parametrize('num_frames, fps, rate, count', [(1, 30, 30, 1),
                                                          (1, 30, 5, 1),
                                                          (1, 1, 1, 1),
                                                          (1, 1, 30, 30),
                                                          (4, 1, 1, 4),
                                                          (4, 1, 15, 60)])
def test_one_frame_and_one_frame_per_second(folder, num_frames, fps, rate,
                                            count):
    path = str(folder / 'few.mp4')
    write_video(path, [grey(80)] * num_frames, fps)
    assert probe_video(path)[1:4] == (num_frames / fps, fps, num_frames)
    assert resample(path, rate) == [10] * count


@pytest.mark.skipif(
    not hasattr(av.video.stream.VideoStream, 'set_display_rotation'),
    reason='this PyAV cannot write rotations')
@pytest.mark.parametrize('degrees', [90, -90, 180])
def test_phone_rotation_is_applied(folder, degrees):
    path = encode(
        folder / 'phone.mp4', [picture()] * 3, rotation=degrees, crf='1')
    expected = np.rot90(picture(), degrees // 90)
    _, frames = read(path)
    assert np.abs(frames[1].astype(int) - expected).mean() < 10
    assert probe_video(path)[4:] == expected.shape[1::-1]
    video = cv2.VideoCapture(path)  # which does so by itself
    assert np.abs(video.read()[1][..., ::-1].astype(int) -
                  frames[0]).mean() < 5


def test_odd_sizes_are_read_and_padded_where_written(folder):
    image = picture(33, 47)
    path = encode(
        folder / 'odd.mkv', [image] * 2, codec='ffv1', pix_fmt='bgr0')
    assert np.array_equal(read(path)[1][1], image)
    assert probe_video(path)[4:] == (47, 33)
    write_video(str(folder / 'odd.mp4'), [image] * 2, 30)
    frame = read(str(folder / 'odd.mp4'))[1][0]
    assert frame.shape == (34, 48, 3)
    assert np.abs(frame[:33, :47].astype(int) - image).mean() < 12


def test_alpha_is_dropped(folder):
    image = np.dstack([picture(), np.zeros((32, 48), np.uint8)])
    path = encode(
        folder / 'alpha.mov', [image] * 2,
        codec='png',
        pix_fmt='rgba',
        image_format='rgba')
    assert np.array_equal(read(path)[1][1], picture())


def test_a_truncated_video_says_how_far_it_goes(steady, folder):
    content = open(steady, 'rb').read()
    path = folder / 'cut.mp4'
    path.write_bytes(content[:int(0.6 * len(content))])
    assert probe_video(path).num_frames == 60
    with pytest.raises(VideoError) as error:
        read(path)
    after = float(str(error.value).split('after ')[1].split()[0])
    assert 0.5 < after < 1.6 and 'cut.mp4' in str(error.value)
    with pytest.raises(VideoError, match='readable to its end'):
        resample(path, 10)


def test_damage_in_the_middle(steady, folder):
    content = bytearray(open(steady, 'rb').read())
    middle = len(content) // 2
    content[middle:middle + 4000] = bytes(4000)
    path = folder / 'damaged.mp4'
    path.write_bytes(content)
    with pytest.raises(VideoError, match='readable to its end, but after'):
        read(path)


def audio(path):
    """Sound without pictures."""
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('aac', 44100)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), 'fltp', 'mono')
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


def no_frames(path):
    """A video of which all frames are gone."""
    write_video(str(path), [grey(8)], 30)
    content = path.read_bytes()
    # the table of sample sizes says none; so does the one of times
    for name in (b'stsz', b'stts', b'stsc', b'stco', b'ctts', b'stss'):
        at = content.find(name)
        if at > 0:
            zero = at + (12 if name == b'stsz' else 8)
            content = content[:zero] + bytes(4) + content[zero + 4:]
    path.write_bytes(content)


@pytest.mark.parametrize('name, make, words', [
    ('text.mp4', lambda path: path.write_text('no video' * 99), 'whole video'),
    ('empty.mp4', lambda path: path.write_bytes(b''), 'whole video'),
    ('audio.mp4', audio, 'moving pictures, but has audio only'),
    ('none.mp4', no_frames, 'none.mp4'),
    ('folder.mp4', lambda path: path.mkdir(), 'regular file'),
    ('text.txt', lambda path: path.write_text('\x1b[1mA' * 99), 'whole video'),
])
def test_what_is_no_video_is_one_clear_error(tmp_path, name, make, words):
    make(tmp_path / name)
    with pytest.raises(VideoError, match=words) as error:
        read(str(tmp_path / name))
    assert name in str(error.value) and '\n' not in str(error.value)


def test_a_missing_file_is_another_error(tmp_path):
    with pytest.raises(FileNotFoundError, match='no video at .*gone.mp4'):
        probe_video(str(tmp_path / 'gone.mp4'))


def test_a_playlist_opens_no_other_file(steady, tmp_path):
    text = f'#EXTM3U\n#EXTINF:2,\n{osp.abspath(steady)}\n#EXT-X-ENDLIST\n'
    (tmp_path / 'list.mp4').write_text(text)
    (tmp_path / 'list.m3u8').write_text(text)
    (tmp_path / 'ff.mp4').write_text(f"ffconcat version 1.0\nfile '{steady}'")
    for name in ('list.mp4', 'list.m3u8', 'ff.mp4'):
        with pytest.raises(VideoError, match='whole video file'):
            probe_video(str(tmp_path / name))


def test_names_that_mean_something_to_ffmpeg(steady, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink(steady, 'concat:a|b%03d.mp4')
    assert probe_video('concat:a|b%03d.mp4').num_frames == 60


def test_writing_is_all_or_nothing(tmp_path):
    path = tmp_path / 'new.mp4'
    path.write_text('old')

    def frames():
        yield grey(8)
        yield grey(8, 16, 16)

    with pytest.raises(ValueError, match=r'one size, but got uint8 \(16, 16'):
        write_video(str(path), frames(), 30)
    with pytest.raises(ValueError, match='at least one'):
        write_video(str(path), [], 30)
    with pytest.raises(ValueError, match='fps must be above 0'):
        write_video(str(path), frames(), 0)
    assert os.listdir(tmp_path) == ['new.mp4'] and path.read_text() == 'old'
    write_video(str(path), [grey(8)] * 2, 29.97)
    assert probe_video(str(path)).fps == pytest.approx(30000 / 1001)


def test_find_videos(tmp_path):
    for name in ('a.mp4', 'deep/b.MKV', 'deep/notes.txt'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / 'empty').mkdir()
    found = find_videos([str(tmp_path), str(tmp_path / 'c.any')])
    assert list(found) == ['a', 'b', 'c']
    with pytest.raises(ValueError, match='names of their own'):
        find_videos([str(tmp_path), 'a.webm'])
    with pytest.raises(FileNotFoundError, match='no videos in'):
        find_videos([
            str(tmp_path / 'deep/notes.txt'),
        ][:0])


@pytest.mark.skipif(not osp.exists(SHARED), reason='../shared is absent')
@pytest.mark.parametrize('name, header, shown', [('highjump', 727, 726),
                                                 ('tennis26', 339, 339)])
def test_recorded_videos(name, header, shown):
    """The edit list of one hides its last frame from players."""
    path = osp.join(SHARED, f'{name}.mp4')
    info = probe_video(path)
    assert info[2:] == (30., header, 320, 180)
    with VideoReader(path) as reader:
        assert sum(1 for _ in reader.resampled(info.fps)) == shown
