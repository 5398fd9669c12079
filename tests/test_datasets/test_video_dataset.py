"""Real videos; which frames a cell shows is known by their brightness."""
import logging
import random
from fractions import Fraction

import numpy as np
import pytest
import torch
from mmengine.dataset import Compose
from mmengine.logging import MMLogger
from small_data import save

from dyfadet_mm.datasets import TADVideoDataset
from dyfadet_mm.fileio import VideoError, write_video
from dyfadet_mm.registry import TRANSFORMS

av = pytest.importorskip('av')
LENGTHS = dict(v0=60, v1=45, v2=2)


def grey(value, size=32):
    return np.full((size, size, 3), value, np.uint8)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Frame k has the brightness 4 k, at 30 frames a second."""
    folder = tmp_path_factory.mktemp('videos')
    database = {}
    for name, length in LENGTHS.items():
        write_video(
            str(folder / 'videos' / f'{name}.mp4'),
            [grey(4 * k) for k in range(length)], 30)
        database[name] = dict(
            subset='training',
            duration=length / 30,
            fps=30.,
            annotations=[dict(segment=[0.4, 1.2], label='jump')])
    save(folder, database)
    return folder


def steps(reader='Decord', middle=(), decoded=(), **sampling):
    return [
        dict(type=f'mmaction.{reader}Init'),
        dict(type='dyfadet_mm.SampleCellFrames', **sampling),
        dict(type='dyfadet_mm.SecondsToGrid'), *middle,
        dict(type='dyfadet_mm.SelectFrames'),
        dict(type=f'mmaction.{reader}Decode'), *decoded,
        dict(type='dyfadet_mm.PackTADInputs')
    ]


def make(folder, pipeline=None, **kwargs):
    options = dict(
        data_root=str(folder),
        data_prefix=dict(video='videos/'),
        feat_stride=4,
        metainfo=dict(classes=('jump', )),
        pipeline=steps() if pipeline is None else pipeline)
    return TADVideoDataset('annotations.json', 'training', **{
        **options,
        **kwargs
    })


def seen(inputs):
    """Numbers of the frames, (T, k)."""
    shown = inputs.float().mean((0, 3, 4)) / 4
    return shown.round().int().tolist()


@pytest.mark.parametrize('reader', ['Decord', 'OpenCV', 'PyAV'])
@pytest.mark.parametrize('stride, num, expected', [
    (4, 1, [[4 * t] for t in range(15)]),
    (4, 2, [[4 * t, 4 * t + 2] for t in range(15)]),
    (25, 5, [[0, 5, 10, 15, 20], [25, 30, 35, 40, 45]]),
])
def test_a_cell_shows_its_frames(folder, reader, stride, num, expected):
    data = make(folder, steps(reader, frames_per_cell=num), feat_stride=stride)
    inputs = data[0]['inputs']
    assert inputs.dtype == torch.uint8
    assert inputs.shape == (3, len(expected), num, 32, 32)
    assert seen(inputs) == expected


def test_a_cell_stands_for_the_middle_of_its_frames(folder):
    data = make(folder, steps(frames_per_cell=2))
    sample = data[0]['data_samples']
    # frames 4 t and 4 t + 2 are shown from 4 t to 4 t + 3
    assert sample.feat_num_frames == 3
    grid = sample.gt_instances.grid_segments
    assert grid == pytest.approx((torch.tensor([[12., 36.]]) - 1.5) / 4)
    assert sample.gt_instances.segments == pytest.approx(
        torch.tensor([[0.4, 1.2]]))


def test_frames_of_another_rate_are_the_nearest_in_time(folder):
    data = make(folder, fps=20., feat_stride=2)
    # at 20 a second, frame 2 t is frame 3 t of the video
    assert seen(data[0]['inputs']) == [[3 * t] for t in range(20)]
    assert data[0]['data_samples'].fps == 20


def test_cells_may_be_spread_over_the_video(folder):
    pipeline = steps(num_cells=5, frames_per_cell=3)
    data = make(folder, pipeline, feat_stride=None)
    # 60 frames, 15 shares of 4, each shown by the frame before its middle
    first = seen(data[0]['inputs'])
    assert np.shape(first) == (5, 3)
    assert np.ravel(first) == pytest.approx(np.arange(15) * 4 + 1.5, abs=0.5)
    sample = data[1]['data_samples']
    assert sample.feat_stride == sample.feat_num_frames == pytest.approx(9)
    with pytest.raises(ValueError, match='feat_stride .* num_cells'):
        make(folder, feat_stride=None)[0]


def test_a_video_of_less_than_a_cell_has_one(folder):
    data = make(folder, steps(frames_per_cell=2))
    assert seen(data[2]['inputs']) == [[0, 1]]


def test_the_rate_may_be_that_of_the_file(folder, tmp_path):
    entry = dict(subset='training', duration=2., annotations=[])
    save(tmp_path, dict(v0=entry))
    data = make(tmp_path, data_prefix=dict(video=str(folder / 'videos')))
    assert seen(data[0]['inputs']) == [[4 * t] for t in range(15)]
    assert data[0]['data_samples'].fps == pytest.approx(30)


def test_time_stamps_say_when_frames_are_shown(tmp_path):
    """The second half of the frames is shown twice as long."""
    (tmp_path / 'videos').mkdir()
    stamps = [*range(20), *range(20, 60, 2)]
    with av.open(str(tmp_path / 'videos' / 'v.mkv'), 'w') as container:
        stream = container.add_stream('libx264', rate=30)
        stream.width = stream.height = 32
        stream.pix_fmt = 'yuv444p'
        stream.codec_context.time_base = Fraction(1, 30)
        for number, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(grey(4 * number), 'rgb24')
            frame.pts, frame.time_base = stamp, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    save(tmp_path,
         dict(v=dict(subset='training', duration=2., fps=30., annotations=[])))
    found = np.ravel(seen(make(tmp_path)[0]['inputs']))
    times = np.array(stamps)
    # of two that are equally near, the earlier one
    expected = [np.abs(times - 4 * t).argmin() for t in range(len(found))]
    assert len(found) in (14, 15) and found.tolist() == expected


def test_crops_cut_frames_and_actions_together(folder):
    middle = [
        dict(
            type='dyfadet_mm.RandomTruncate', max_seq_len=6, trunc_thresh=0.5)
    ]
    data = make(folder, steps(middle=middle))
    starts = set()
    for epoch in range(20):
        data.set_epoch(epoch)
        inputs, sample = data[0].values()
        frames = np.ravel(seen(inputs))
        assert frames.tolist() == list(range(frames[0], frames[0] + 24, 4))
        action = sample.gt_instances.grid_segments[0] + frames[0] / 4
        whole = (torch.tensor([12., 36.]) - 0.5) / 4
        assert action[0] == pytest.approx(max(whole[0], frames[0] / 4))
        assert action[1] == pytest.approx(min(whole[1], frames[0] / 4 + 6))
        starts.add(frames[0])
    assert len(starts) > 3


AUGMENT = [
    dict(type='mmaction.RandomResizedCrop', area_range=(0.1, 1.)),
    dict(type='mmaction.Resize', scale=(32, 32), keep_ratio=False),
    dict(type='mmaction.Flip', flip_ratio=0.5),
    dict(type='mmaction.ColorJitter'),
]


@pytest.fixture(scope='module')
def still(tmp_path_factory):
    """A picture with colours, shown for 40 frames."""
    folder = tmp_path_factory.mktemp('still')
    picture = np.random.default_rng(0).integers(0, 255, (4, 4, 3), np.uint8)
    picture = picture.repeat(8, 0).repeat(8, 1)
    write_video(str(folder / 'videos' / 'v.mp4'), [picture] * 40, 30, crf=0)
    save(
        folder,
        dict(
            v=dict(subset='training', duration=4 /
                   3, fps=30., annotations=[])))
    return folder


def test_all_frames_of_a_crop_are_augmented_alike(still):
    data = make(still, steps(decoded=AUGMENT))
    inputs = [data[0]['inputs'] for _ in range(4)]  # visits are epochs
    for each in inputs:
        assert (each.float() - each[:, :1].float()).abs().max() <= 1
    assert len({each.sum().item() for each in inputs}) == 4


def test_what_transforms_draw_follows_the_sample(still):
    data = make(still, steps(decoded=AUGMENT))
    found = []
    for noise in range(3):
        random.seed(noise)
        np.random.seed(noise)
        torch.manual_seed(noise)
        expected = [random.random(), np.random.rand(), torch.rand(())]
        random.seed(noise)
        np.random.seed(noise)
        torch.manual_seed(noise)
        data.set_epoch(3, seed=7)
        found.append(data[0]['inputs'])
        assert expected == [random.random(), np.random.rand(), torch.rand(())]
    assert torch.equal(found[0], found[1]) and torch.equal(*found[1:])
    data.set_epoch(3, seed=8)
    assert not torch.equal(found[0], data[0]['inputs'])


def test_format_shape_of_mmaction_is_taken_too(folder):
    pipeline = steps(
        decoded=[dict(type='mmaction.FormatShape', input_format='NCTHW')],
        frames_per_cell=2)
    one = make(folder, pipeline)[0]['inputs']
    assert torch.equal(one,
                       make(folder, steps(frames_per_cell=2))[0]['inputs'])


@pytest.mark.parametrize('num_frames', [1, 4, 100])
def test_pieces_are_the_whole(still, folder, num_frames):
    for data_root, decoded in ((folder, ()), (still, AUGMENT)):
        np.random.seed(0)  # ColorJitter chooses an order when it is made
        whole = make(data_root, steps(decoded=decoded))
        pieces = dict(
            type='dyfadet_mm.DecodeInPieces',
            num_frames=num_frames,
            transforms=[dict(type='mmaction.DecordDecode'), *decoded])
        pipeline = steps()
        pipeline[-2] = pieces
        np.random.seed(0)
        parts = make(data_root, pipeline)
        for data in (whole, parts):
            data.set_epoch(5)
        assert torch.equal(whole[0]['inputs'], parts[0]['inputs'])
    assert 'Flip' in repr(parts.pipeline) and str(num_frames) in repr(
        parts.pipeline)


# bad input


def test_frames_that_are_no_pixels_are_refused():
    pack = TRANSFORMS.build(
        dict(type='dyfadet_mm.PackTADInputs', meta_keys=()))
    results = dict(video_id='v0', feats=np.zeros((4, 2), int))
    with pytest.raises(TypeError, match="'v0' must be uint8.* got float32"):
        pack(dict(results, imgs=[np.zeros((8, 8, 3), np.float32)] * 8))
    with pytest.raises(ValueError, match="'v0' must be 8 .*\\(3, 7, 8, 8"):
        pack(dict(results, imgs=[grey(0, 8)] * 7))


def test_a_video_that_is_not_open_is_named(folder):
    with pytest.raises(KeyError, match="'v0' must be opened.*DecordInit"):
        make(folder, steps()[1:])[0]


def test_a_video_of_another_length_is_refused(folder, tmp_path):
    entry = dict(subset='training', duration=9., fps=30., annotations=[])
    save(tmp_path, dict(v0=entry))
    data = make(tmp_path, data_prefix=dict(video=str(folder / 'videos')))
    with pytest.raises(ValueError, match="'v0' .* last 9.00 .* has 2.00"):
        data[0]


@pytest.fixture
def broken(tmp_path, folder):
    """One good video, one that is missing, one that is no video."""
    entry = dict(subset='training', duration=2., fps=30., annotations=[])
    save(tmp_path, dict(good=entry, missing=entry, text=entry))
    (tmp_path / 'videos').mkdir()
    (tmp_path / 'videos' / 'good.mp4').write_bytes(
        (folder / 'videos' / 'v0.mp4').read_bytes())
    (tmp_path / 'videos' / 'text.mp4').write_text('no video')
    return tmp_path


def test_a_missing_video_is_named(broken):
    with pytest.raises(
            FileNotFoundError,
            match="'missing' cannot be used: no file at .*missing.mp4"):
        make(broken)


def test_a_list_of_other_files_is_no_video(broken):
    (broken / 'videos' / 'text.mp4').write_text(
        '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\ngood.mp4\n'
        '#EXT-X-ENDLIST\n')
    data = make(broken, exclude=['missing'])
    with pytest.raises(VideoError, match='text.mp4.* must be a whole video'):
        data[1]


def test_an_undecodable_video_is_named(broken):
    data = make(broken, exclude=['missing'])
    with pytest.raises(VideoError, match='text.mp4.* must be a whole video'):
        data[1]


@pytest.mark.parametrize('reader', ['Decord', 'PyAV'])
def test_a_video_that_was_cut_off_is_named(broken, reader):
    draw = np.random.default_rng(0).integers
    path = broken / 'videos' / 'good.mp4'
    write_video(
        str(path), [draw(0, 255, (32, 32, 3), np.uint8)] * 30 +
        [draw(0, 255, (32, 32, 3), np.uint8) for _ in range(30)], 30)
    path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])
    data = make(broken, steps(reader), exclude=['missing'])
    with pytest.raises(VideoError, match='good.mp4.* must be readable'):
        data[0]


def test_videos_that_cannot_be_used_are_left_out_and_named(broken, caplog):
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.WARNING):
            data = make(broken, filter_missing=True)
    finally:
        logger.removeHandler(caplog.handler)
    assert [data.get_data_info(i)['video_id']
            for i in range(len(data))] == ['good']
    assert 'skipped 2 of 3 videos' in caplog.text
    assert "'missing': no file" in caplog.text
    assert "'text': " in caplog.text and 'text.mp4' in caplog.text


def test_without_any_video_there_is_no_data_set(broken):
    with pytest.raises(FileNotFoundError, match="'text' cannot be used"):
        make(broken, filter_missing=True, exclude=['good', 'missing'])


def test_two_files_of_one_video_are_refused(broken):
    (broken / 'videos' / 'good.webm').write_text('')
    with pytest.raises(ValueError, match="'good' ends in '.mp4' and '.webm'"):
        make(broken)
    data = make(broken, file_suffix='.mp4', exclude=['missing'])
    assert seen(data[0]['inputs'])[1] == [4]


def test_another_source_is_refused(folder):
    with pytest.raises(ValueError, match="dict\\(video='videos/'\\)"):
        make(folder, data_prefix=dict(feats='videos/'))


def test_steps_refuse_what_is_out_of_range():
    for kind, options in (('SampleCellFrames', dict(frames_per_cell=0)),
                          ('SampleCellFrames', dict(num_cells=0)),
                          ('DecodeInPieces', dict(transforms=[],
                                                  num_frames=0))):
        with pytest.raises(ValueError, match='must be at least 1, but got 0'):
            TRANSFORMS.build(dict(type=f'dyfadet_mm.{kind}', **options))
    assert 'SelectFrames()' in repr(
        Compose([dict(type='dyfadet_mm.SelectFrames')]))
