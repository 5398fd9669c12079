"""Real videos; what a cell has seen is known by the brightness of frames."""
import json
import os
import os.path as osp
import resource
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from torch import nn

from dyfadet_mm.apis import FeatureExtractor, build_recognizer
from dyfadet_mm.apis.recognizers import pool
from dyfadet_mm.fileio import VideoError, WriteError, load_grid, write_video
from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import FeatureGrid

av = pytest.importorskip('av')
ROOT = Path(__file__).parents[2]
TOOL = str(ROOT / 'tools/misc/extract_features.py')
FEATURES = ROOT / 'configs/features'
SHARED = ROOT / '../shared/data/videos'


def brightness(clips):
    """Of the first and of the last frame of a clip, (B, 2)."""
    return clips[:, :, [0, -1]].mean((1, 3, 4))


def grey(value, height=32, width=32):
    return np.full((height, width, 3), value, np.uint8)


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    """Frame k has the brightness 4 k; v1 is shorter than a window."""
    folder = tmp_path_factory.mktemp('videos')
    for name, length in dict(v0=30, v1=5, v2=61, v3=17).items():
        write_video(
            str(folder / f'{name}.mp4'), [grey(4 * k) for k in range(length)],
            30)
    return folder


def seen(feats):
    """Numbers of the frames."""
    return (np.asarray(feats) / 4).round().astype(int).tolist()


@pytest.mark.parametrize('name, num_frames', [('v0', 30), ('v2', 61),
                                              ('v3', 17)])
@pytest.mark.parametrize('grid', [(4, 16), (16, 16), (5, 3), (1, 1)])
def test_a_cell_sees_the_frames_of_the_grid(videos, name, num_frames, grid):
    grid = FeatureGrid(*grid)
    feats = FeatureExtractor(
        brightness, grid=grid).extract(str(videos / f'{name}.mp4'))
    starts = range(0, num_frames - grid.window + 1, grid.stride)
    assert seen(feats) == [[s, s + grid.window - 1] for s in starts]
    assert feats.dtype == np.float32


def test_a_short_video_repeats_its_last_frame(videos):
    extractor = FeatureExtractor(brightness, grid=dict(stride=4, window=16))
    assert seen(extractor.extract(str(videos / 'v1.mp4'))) == [[0, 4]]


def test_frames_within_a_window_may_be_skipped(videos):
    extractor = FeatureExtractor(
        lambda clips: clips.mean((1, 3, 4)),
        grid=dict(stride=8, window=16),
        preprocessing=dict(frame_interval=4))
    feats = extractor.extract(str(videos / 'v0.mp4'))
    assert seen(feats) == [[0, 4, 8, 12], [8, 12, 16, 20]]


def test_another_rate_and_a_variable_one(tmp_path):
    path = str(tmp_path / 'variable.mp4')
    stamps = [*range(20), *range(41, 60, 2)]  # nothing for 20 frames
    with av.open(path, 'w') as container:
        stream = container.add_stream('libx264', 30)
        stream.height = stream.width = 32
        stream.codec_context.time_base = Fraction(1, 30)
        for stamp in stamps:
            frame = av.VideoFrame.from_ndarray(grey(4 * stamp), format='rgb24')
            frame.pts, frame.time_base = stamp, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    for fps, step in ((30, 1), (15, 2), (10, 3)):
        extractor = FeatureExtractor(
            brightness, grid=dict(stride=1, window=1, fps=fps))
        found = np.array(seen(extractor.extract(path)))[:, 0]
        times = np.arange(len(found)) * step
        nearest = np.abs(times[:, None] - np.array(stamps)).min(1)
        assert len(found) == 60 // step
        assert (np.abs(found - times) == nearest).all()


@pytest.mark.parametrize('settings, corner, middle', [
    (dict(size=16), 255, 0),
    (dict(size=16, short_side=16), 0, 0),
    (dict(size=[16, 48]), 255, 0),
    (dict(size=16, mean=[255] * 3, std=[5] * 3), 0, -51),
])
def test_frames_are_brought_to_size(tmp_path, settings, corner, middle):
    """White at both ends of a wide frame."""
    frame = grey(0, 32, 96)
    frame[:, :24] = frame[:, -24:] = 255
    path = str(tmp_path / 'wide.mp4')
    write_video(path, [frame], 30)
    shapes = []

    def pixels(clips):
        shapes.append(tuple(clips.shape))
        return torch.stack(
            (clips[:, 0, 0, 0, 0], clips.mean(1)[:, 0, clips.shape[3] // 2,
                                                 clips.shape[4] // 2]), 1)

    feats = FeatureExtractor(
        pixels, grid=dict(stride=1, window=1),
        preprocessing=settings).extract(path)
    size = settings['size']
    assert shapes == [(1, 3, 1, *(size if isinstance(size, list) else
                                  (size, size)))]
    assert feats[0] == pytest.approx([corner, middle], abs=12)


def test_settings_come_from_the_recognizer():
    cfg = Config.fromfile(FEATURES / 'thumos14_i3d.py')
    cfg.model.backbone.base_channels = 4
    cfg.pop('feature_extractor')
    with pytest.warns(UserWarning, match='RANDOM weights'):
        with pytest.raises(ValueError, match='grid must be given'):
            FeatureExtractor(cfg)
        found = FeatureExtractor(
            cfg, grid=dict(stride=4, window=16)).preprocessing
    assert (found.size, found.short_side) == ((256, 256), 256)
    assert found.mean == (123.675, 116.28, 103.53)


class Tiny(nn.Module):
    """A module of our own: 8 x 8 blocks of the first frame."""

    def __init__(self, scale=1.):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, clips):
        blocks = nn.functional.adaptive_avg_pool2d(clips[:, 0, 0], 8)
        return blocks.flatten(1) * self.scale


def test_a_registered_module_with_weights(videos, tmp_path):
    path = str(tmp_path / 'weights.pth')
    torch.save(dict(state_dict=Tiny(0.5).state_dict()), path)
    MODELS.register_module(module=Tiny, name='TinyPixels')
    try:
        extractor = FeatureExtractor(
            dict(type='TinyPixels'), path, grid=dict(stride=1, window=1))
        feats = extractor.extract(str(videos / 'v0.mp4'))
        torch.save(dict(state_dict=nn.Linear(2, 2).state_dict()), path)
        with pytest.raises(ValueError, match='1 of 1 are missing or of anoth'):
            build_recognizer(dict(type='TinyPixels'), path)
    finally:
        MODELS.module_dict.pop('TinyPixels')
    assert feats.shape == (30, 64)
    assert feats[10] == pytest.approx(np.full(64, 20.), abs=1)
    assert len(extractor.facts['checkpoint_sha256']) == 64
    assert extractor.facts['checkpoint'] == 'weights.pth'


def test_outputs_of_backbones_become_one_vector():
    maps = torch.arange(48.).view(2, 3, 2, 2, 2)
    assert pool(maps).tolist() == maps.flatten(2).mean(2).tolist()
    assert pool((maps, maps[:, :1])).shape == (2, 4)  # slow and fast
    token = torch.zeros(2, 3)
    assert torch.equal(pool([[maps, token]]), pool(maps))
    assert pool(token) is token


@pytest.mark.filterwarnings('ignore:no checkpoint was given')
def test_a_recognizer_for_frames_averages_them(videos):
    cfg = Config.fromfile(FEATURES / 'thumos14_i3d.py')
    cfg.model = dict(
        type='Recognizer2D', backbone=dict(type='ResNet', depth=18))
    extractor = FeatureExtractor(cfg, preprocessing=dict(size=32))
    feats = extractor.extract(str(videos / 'v3.mp4'))
    assert feats.shape == (1, 512)
    each = FeatureExtractor(
        cfg, grid=dict(stride=1, window=1), preprocessing=dict(size=32))
    each.module = extractor.module
    frames = each.extract(str(videos / 'v3.mp4'))[:16]
    assert feats[0] == pytest.approx(frames.mean(0), abs=1e-4)


def test_batches_and_workers_do_not_matter(videos, tmp_path):
    expected = None
    for batch_size, num_workers in ((1, 0), (4, 0), (64, 0), (4, 3)):
        out = tmp_path / f'{batch_size}-{num_workers}'
        extractor = FeatureExtractor(
            brightness,
            grid=dict(stride=4, window=16),
            batch_size=batch_size,
            num_workers=num_workers)
        done = extractor.extract_to(str(videos), str(out))
        assert sorted(done.written) == ['v0', 'v1', 'v2', 'v3']
        found = {k: np.load(out / f'{k}.npy') for k in done.written}
        expected = expected or found
        for key, feats in found.items():
            assert feats == pytest.approx(expected[key], abs=1e-3)
    assert [len(expected[f'v{k}']) for k in range(4)] == [4, 1, 12, 1]


def test_sizes_may_differ(tmp_path):
    for k in range(3):
        write_video(str(tmp_path / f'{k}.mp4'), [grey(40, 32 + 2 * k)] * 3, 30)
    extractor = FeatureExtractor(brightness, grid=dict(stride=1, window=1))
    done = extractor.extract_to(str(tmp_path), str(tmp_path / 'out'))
    assert len(done.written) == 3


def test_half_precision(videos):
    one, two = (
        FeatureExtractor(
            nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten()),
            grid=dict(stride=4, window=16),
            preprocessing=dict(std=[255] * 3),
            dtype=dtype).extract(str(videos / 'v0.mp4'))
        for dtype in ('float32', 'bfloat16'))
    assert two.dtype == np.float32
    assert two == pytest.approx(one, rel=0.02)
    with pytest.raises(ValueError, match="dtype must be one of .*'int8'"):
        FeatureExtractor(brightness, grid=FeatureGrid(1, 1), dtype='int8')


@pytest.mark.parametrize('out, prefix, suffix, reader', [
    ('npy', 'npy', '.npy', 'NpyReader'),
    ('all.hdf5', 'all.hdf5', '', 'HDF5Reader'),
])
def test_a_data_set_reads_what_was_written(videos, tmp_path, out, prefix,
                                           suffix, reader):
    from dyfadet_mm.datasets import TADDataset
    extractor = FeatureExtractor(
        brightness, grid=dict(stride=4, window=16, fps=15))
    extractor.extract_to(str(videos), str(tmp_path / out), 'float16')
    entry = dict(subset='test', duration=2, fps=30)
    (tmp_path / 'ann.json').write_text(
        json.dumps(dict(database=dict(v0=entry, v2=entry))))
    dataset = TADDataset(
        'ann.json',
        'test',
        data_root=str(tmp_path),
        data_prefix=dict(feats=prefix),
        file_suffix=suffix,
        test_mode=True,
        pipeline=[
            dict(
                type='dyfadet_mm.LoadFeatures',
                feat_dim=2,
                reader=dict(type=f'dyfadet_mm.{reader}'))
        ])
    results = dataset[1]
    assert seen(results['feats'])[1] == [8, 38]
    assert (results['fps'], results['feat_stride'],
            results['feat_num_frames']) == (15, 4, 16)
    assert isinstance(dataset.pipeline, Compose)


def test_one_bad_video_stops_no_other(videos, tmp_path):
    folder = tmp_path / 'in'
    folder.mkdir()
    (folder / 'bad.mp4').write_text('no video')
    content = (videos / 'v2.mp4').read_bytes()
    (folder / 'cut.mp4').write_bytes(content[:len(content) // 2])
    os.symlink(videos / 'v0.mp4', folder / 'good.mp4')
    for num_workers in (0, 2):
        extractor = FeatureExtractor(
            brightness,
            grid=dict(stride=4, window=16),
            num_workers=num_workers)
        out = tmp_path / str(num_workers)
        done = extractor.extract_to(
            [str(folder), str(tmp_path / 'gone.mp4')], str(out))
        assert done.written == ['good'] and not done.kept
        assert set(done.failed) == {'bad', 'cut', 'gone'}
        assert 'no video at' in done.failed['gone']
        assert {each
                for each in os.listdir(out)
                } == {'good.npy', 'feature_grid.json'}
    with pytest.raises(VideoError):
        extractor.extract(str(folder / 'cut.mp4'))


def test_what_is_not_finite_is_a_failure(videos, tmp_path):
    extractor = FeatureExtractor(
        lambda clips: brightness(clips) * 1e4, grid=dict(stride=4, window=16))
    done = extractor.extract_to(
        str(videos / 'v0.mp4'), str(tmp_path / 'half'), 'float16')
    assert 'finite in float16' in done.failed['v0']
    assert os.listdir(tmp_path / 'half') == []


KILLED = '''
import os, signal, sys
from dyfadet_mm.apis import FeatureExtractor
calls = 0

def model(clips):
    global calls
    calls += 1
    if calls == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return clips[:, :, [0, -1]].mean((1, 3, 4))

model.__name__ = 'brightness'
extractor = FeatureExtractor(
    model, grid=dict(stride=4, window=16), batch_size=2)
print(extractor.extract_to(sys.argv[1], sys.argv[2]))
'''


@pytest.mark.parametrize('out', ['out', 'out.hdf5'])
def test_a_killed_run_goes_on(videos, tmp_path, out):
    script = tmp_path / 'killed.py'
    script.write_text(KILLED)
    out = str(tmp_path / out)
    command = [sys.executable, str(script), str(videos), out]
    killed = subprocess.run([*command, '6'], capture_output=True, text=True)
    assert killed.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
    folder = out if out.endswith('out') else f'{out}.partial'
    names = {name for name in os.listdir(folder) if name[0] != '.'}
    assert names == {'feature_grid.json', 'v0.npy', 'v1.npy'}
    stamp = os.stat(osp.join(folder, 'v0.npy')).st_mtime_ns
    done = subprocess.run([*command, '0'], capture_output=True, text=True)
    assert "written=['v2', 'v3'], kept=['v0', 'v1']" in done.stdout, done
    if out.endswith('hdf5'):
        assert not osp.exists(folder)
        import h5py
        with h5py.File(out) as file:
            assert {
                key: len(file[key])
                for key in file
            } == dict(
                v0=4, v1=1, v2=12, v3=1)
    else:
        assert os.stat(osp.join(out, 'v0.npy')).st_mtime_ns == stamp
        assert not [name for name in os.listdir(out) if name[0] == '.']
    assert load_grid(out)['channels'] == 2


def test_a_container_takes_more_videos(videos, tmp_path):
    import h5py
    extractor = FeatureExtractor(brightness, grid=dict(stride=4, window=16))
    out = str(tmp_path / 'all.h5')
    extractor.extract_to(str(videos / 'v0.mp4'), out)
    done = extractor.extract_to(str(videos), out)
    assert done.kept == ['v0'] and len(done.written) == 3
    with h5py.File(out) as file:
        assert sorted(file) == ['v0', 'v1', 'v2', 'v3']
    assert sorted(os.listdir(tmp_path)) == ['all.feature_grid.json', 'all.h5']


def test_nothing_of_another_kind_is_overwritten(videos, tmp_path):
    out = tmp_path / 'out'
    extractor = FeatureExtractor(brightness, grid=dict(stride=4, window=16))
    other = FeatureExtractor(brightness, grid=dict(stride=8, window=16))
    out.mkdir()
    (out / 'v0.npy').write_text('mine')
    with pytest.raises(FileExistsError, match='has some without'):
        extractor.extract_to(str(videos), str(out))
    assert (out / 'v0.npy').read_text() == 'mine'
    (out / 'v0.npy').unlink()
    extractor.extract_to(str(videos / 'v0.mp4'), str(out))
    with pytest.raises(ValueError, match='stride = 4, and now it is 8'):
        other.extract_to(str(videos), str(out))
    np.save(out / 'v0.npy', np.full((3, 2), np.nan))
    done = extractor.extract_to(str(videos), str(out))
    assert 'remove the file and run again' in done.failed['v0']
    assert sorted(done.written) == ['v1', 'v2', 'v3']


@pytest.mark.parametrize('out', ['out', 'all.hdf5'])
def test_force_replaces_all_or_nothing(videos, tmp_path, out):
    """One folder or file never holds features of two grids."""
    out = str(tmp_path / out)
    for stride in (4, 8):
        extractor = FeatureExtractor(
            brightness, grid=dict(stride=stride, window=16))
        if stride == 8:
            with pytest.raises(ValueError, match='stride = 4, and now it'):
                extractor.extract_to(str(videos / 'v0.mp4'), out, force=True)
            assert load_grid(out)['stride'] == 4
        done = extractor.extract_to(str(videos), out, force=stride == 8)
        assert len(done.written) == 4 and load_grid(out)['stride'] == stride
    done = extractor.extract_to(str(videos / 'v2.mp4'), out, force=True)
    assert done.written == ['v2'] and not done.kept
    assert len(extractor.extract_to(str(videos), out).kept) == 4


def test_a_full_disk_leaves_no_half_file(videos, tmp_path):

    def wide(clips):
        return clips.flatten(1)[:, :9000]

    extractor = FeatureExtractor(wide, grid=dict(stride=1, window=1))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200000, limits[1]))
    try:
        with pytest.raises(WriteError, match='make room and run again'):
            extractor.extract_to(str(videos / 'v2.mp4'), str(tmp_path / 'o'))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(tmp_path / 'o') == []


@pytest.mark.skipif(
    not osp.exists('/proc/self/statm'), reason='no memory figures here')
def test_memory_does_not_grow_with_a_video(tmp_path):
    """Of 4000 frames, 48 MiB, a window of 16 is held."""
    path = str(tmp_path / 'long.mp4')
    frame = grey(40, 64, 64)
    write_video(path, (frame for _ in range(4000)), 30)
    pages = []

    def model(clips):
        with open('/proc/self/statm') as file:
            pages.append(int(file.read().split()[1]))
        return brightness(clips)

    extractor = FeatureExtractor(model, grid=dict(stride=8, window=16))
    extractor.extract_to(path, str(tmp_path / 'out'))
    assert np.load(tmp_path / 'out/long.npy').shape == (499, 2)
    grown = (max(pages) - pages[len(pages) // 10]) * resource.getpagesize()
    assert grown < 15 * 2**20


def run_tool(*args):
    """The tool as a user runs it, and the last line of what it says."""
    done = subprocess.run(
        [sys.executable, TOOL, *map(str, args), '--device', 'cpu'],
        capture_output=True,
        text=True)
    return done, (done.stderr.strip().splitlines() or [''])[-1]


def test_the_tool(videos, tmp_path):
    """One line per bad video and exit status 1; then the rest is there."""
    cfg = Config.fromfile(FEATURES / 'thumos14_i3d.py')
    cfg.model.backbone.base_channels = 4
    with pytest.warns(UserWarning, match='RANDOM'):
        module = build_recognizer(cfg).module
    weights = tmp_path / 'weights.pth'
    torch.save(dict(state_dict=module.state_dict()), weights)
    (tmp_path / 'bad.mp4').write_text('no video')
    args = [
        '--config', FEATURES / 'thumos14_i3d.py', '--checkpoint', weights,
        '--out', tmp_path / 'out', '--preprocessing', 'size=32',
        'short_side=32', '--cfg-options', 'model.backbone.base_channels=4',
        '--grid', 'stride=16'
    ]
    done, last = run_tool(videos, tmp_path / 'bad.mp4', *args)
    assert done.returncode == 1, done.stderr
    assert 'features of 4 videos are new in' in done.stdout
    assert last.startswith("failed: bad: '")
    grid = load_grid(str(tmp_path / 'out'))
    assert (grid['stride'], grid['window'], grid['channels']) == (16, 16, 128)
    assert np.load(tmp_path / 'out/v2.npy').shape == (3, 128)
    done, _ = run_tool(videos, *args)
    assert done.returncode == 0, done.stderr
    assert '0 videos are new' in done.stdout
    assert 'those of 4 were there' in done.stdout
    done, last = run_tool(videos, *args[:-1], 'stride=8')
    assert done.returncode == 1
    assert last.startswith('ValueError: out must hold features that were made '
                           'in the same way')


@pytest.mark.skipif(not SHARED.exists(), reason='../shared is absent')
@pytest.mark.parametrize('name, cells, stored', [('highjump', 178, 164),
                                                 ('tennis26', 81, 89)])
def test_recorded_videos(name, cells, stored):
    """Features that lie beside them were made from other cuts."""
    path = str(SHARED / f'{name}.mp4')
    extractor = FeatureExtractor(
        brightness,
        grid=dict(stride=4, window=16),
        preprocessing=dict(size=16))
    assert len(extractor.extract(path)) == cells
    assert len(np.load(path.replace('.mp4', '_i3d.npy'))) == stored
