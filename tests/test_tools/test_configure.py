"""Settings that a data set asks for, and a config that trains with them."""
import json
import math
import re
import shutil
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner
from small_data import ROOT, make_data, run_tool, save

GYM = ROOT.parent / 'shared/data/gym_i3d'


@pytest.fixture(scope='module')
def tool():
    """The script as a module; it imports others of two folders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / 'tools/misc'))
        yield import_module('configure')


@pytest.fixture(scope='module')
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp('digits') / 'data'
    done = run_tool('dataset_converters/digit_streams.py', '--train=24',
                    '--val=8', f'--out={folder}')
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def data(digits, tmp_path):
    """A copy to change."""
    return Path(shutil.copytree(digits, tmp_path / 'data'))


def read(folder):
    return json.loads((folder / 'annotations.json').read_text())['database']


def edit(folder, change):
    """Change every entry; ``change`` gets its name and the entry."""
    database = read(folder)
    for name, entry in database.items():
        change(name, entry)
    save(folder, database)


def edit_features(folder, function):
    for path in (folder / 'features').iterdir():
        np.save(path, function(np.load(path)))


def training(folder):
    return {
        name: entry
        for name, entry in read(folder).items()
        if entry['subset'] == 'training'
    }


def configure(tool, folder, *options):
    """Write a config beside the data, and read it."""
    out = folder.parent / 'chosen.py'
    tool.main([f'--data-root={folder}', f'--out={out}', *options])
    return Config.fromfile(out)


def train(cfg, work_dir):
    """Losses of two iterations of a real run."""
    count = 2 * cfg.batch_size
    cfg.merge_from_dict({
        'train_cfg.max_epochs': 1,
        'train_dataloader.dataset.indices': count,
        'num_workers': 0,
        'default_hooks.checkpoint': None,
        'default_hooks.logger.interval': 1
    })
    if cfg.val_dataloader is not None:
        cfg.merge_from_dict({'val_dataloader.dataset.indices': 1})
    cfg.work_dir = str(work_dir)
    # two runs of one second would share their logged values
    cfg.experiment_name = str(work_dir)
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.iter == 2
    losses, _ = runner.message_hub.get_scalar('train/loss').data
    return losses


def check_training(cfg, tmp_path, monkeypatch):
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    losses = train(Config.fromfile(cfg.filename), elsewhere / 'run')
    assert len(losses) == 2 and np.isfinite(losses).all()
    assert (losses > 0).all()


def every_fourth(folder):
    edit_features(folder, lambda feats: feats[::4])


def eight_times_slower(folder):
    edit_features(folder, lambda feats: feats.repeat(8, 0))

    def change(name, entry):
        entry['duration'] *= 8
        for item in entry['annotations']:
            item['segment'] = [8 * time for time in item['segment']]

    edit(folder, change)


def one_class(folder):

    def change(name, entry):
        for item in entry['annotations']:
            item.update(label='digit', label_id=0)

    edit(folder, change)


def twenty_videos(folder):
    names = list(training(folder))[20:]
    database = read(folder)
    for name in names:
        del database[name]
    save(folder, database)


def some_without_actions(folder):
    names = list(training(folder))[::3]

    def change(name, entry):
        if name in names:
            entry['annotations'] = []

    edit(folder, change)


def as_it_is(folder):
    pass


VARIANTS = [
    (as_it_is, dict(feat_stride=1, feat_num_frames=1, batch_size=2)),
    (every_fourth, dict(feat_stride=4)),
    (eight_times_slower, dict(feat_stride=1, feat_num_frames=1)),
    (one_class, dict(num_classes=1)),
    (twenty_videos, dict(batch_size=2, max_epochs=60)),  # 600 iterations
    (some_without_actions, dict(feat_stride=1, batch_size=2)),
]  # yapf: disable


@pytest.mark.parametrize('change, expected', VARIANTS)
def test_a_variant_trains(tool, data, tmp_path, monkeypatch, change, expected):
    change(data)
    cfg = configure(tool, data)
    assert {key: cfg[key] for key in expected} == expected
    assert cfg.feat_dim == cfg.model.backbone.in_channels == 64
    assert cfg.model.data_preprocessor.channel_dropout == 0.25  # of 64
    videos = training(data)
    lengths = [
        len(np.load(data / f'features/{name}.npy', mmap_mode='r'))
        for name in videos
    ]
    divisor = cfg.model.data_preprocessor.size_divisor
    assert cfg.max_seq_len == divisor * math.ceil(max(lengths) / divisor)
    cells = np.array([(end - start) * entry['fps'] / cfg.feat_stride
                      for entry in videos.values()
                      for start, end in (item['segment']
                                         for item in entry['annotations'])])
    ranges = cfg.model.head.regression_ranges
    assert divisor == 2**(len(ranges) - 1) == 2**cfg.model.backbone.arch[2]
    assert ranges[0] == (0, 3) and ranges[-1][1] > cells.max()
    # the coarsest level of the last range before it is open
    assert 3 * divisor >= np.percentile(cells, 99) / 2 > 1.5 * divisor
    check_training(cfg, tmp_path, monkeypatch)


def test_features_of_one_length_are_spread(tool, data, tmp_path, monkeypatch,
                                           capsys):
    resized(data)
    cfg = configure(tool, data)
    out = capsys.readouterr().out
    assert 'warning: train: all features have 100 cells whether' in out
    assert cfg.feat_stride is cfg.feat_num_frames is None
    assert cfg.max_seq_len == 112  # in sixteens
    base = tool.read_text(
        f'_base_ = {tool.BASE!r}\nfeat_dim = 64\nmax_seq_len = 112')
    for key in ('train_pipeline', 'test_pipeline'):
        ours, theirs = ([{
            name: value
            for name, value in step.items() if name != '_scope_'
        } for step in each[key]] for each in (cfg, base))
        assert ours.pop(1) == dict(type='SpreadFeatures')
        assert ours == theirs

    # an action that lasts a tenth of its video lasts ten cells
    longest = max(
        (end - start) / entry['duration'] for entry in training(data).values()
        for start, end in (item['segment'] for item in entry['annotations']))
    text = Path(cfg.filename).read_text()
    found = float(re.search('actions last .* to (.*),', text)[1])
    assert found == pytest.approx(100 * longest, rel=0.01)
    check_training(cfg, tmp_path, monkeypatch)


@pytest.mark.skipif(not GYM.exists(), reason='needs the gym features')
def test_real_features(tool, tmp_path, monkeypatch):
    folder = tmp_path / 'gym'
    folder.symlink_to(GYM, target_is_directory=True)
    cfg = configure(tool, folder)
    found = {
        key: cfg[key]
        for key in ('feat_dim', 'feat_stride', 'feat_num_frames', 'fps',
                    'num_classes', 'width', 'channel_dropout', 'max_seq_len')
    }
    assert found == dict(
        feat_dim=256,
        feat_stride=16,
        feat_num_frames=16,
        fps=None,
        num_classes=12,
        width=128,  # 970 actions
        channel_dropout=0.5,
        max_seq_len=192)  # 189 cells, in eights
    # half of 37 cells
    assert cfg.model.head.regression_ranges == [(0, 3), (3, 6), (6, 12),
                                                (12, 10000)]
    check_training(cfg, tmp_path, monkeypatch)


def test_every_value_has_its_reason(tool, data):
    cfg = configure(tool, data)
    lines = Path(cfg.filename).read_text().splitlines()
    before = ''
    for line in lines[4:]:
        if '=' in line and 'dict(' not in line and line.strip()[0] != '#':
            assert '  # ' in line or before.strip().startswith('# '), line
        before = line
    longest = max(
        len(np.load(data / f'features/{name}.npy')) for name in training(data))
    assert (f'max_seq_len = 256  # longest of 24 training videos: {longest} '
            'cells') in lines
    assert max(len(line) for line in lines if str(data) not in line) <= 79


def test_window_of_clips(tool, tmp_path):
    """Stride 8 and clips of 16 frames, in videos of one length."""
    folder = tmp_path / 'data'
    save(folder, make_data(folder, n_train=12))
    cfg = configure(tool, folder)
    assert (cfg.feat_stride, cfg.feat_num_frames) == (8, 16)


def test_a_stride_that_is_no_whole_number(tool):
    """Two cells a second of 29.97 frames."""
    from dataset_timing import estimate_grid
    frames = np.arange(1000, 30000, 517.)
    stride, windows = estimate_grid(frames, np.ceil(frames / 14.985))
    assert stride == pytest.approx(14.985, rel=2e-4)
    assert windows[0] == 16 and 1 in windows


def drop_features(folder):
    name = next(iter(training(folder)))
    (folder / f'features/{name}.npy').unlink()


def drop_validation(folder):
    database = training(folder)
    save(folder, database)


def drop_fps(folder):
    edit(folder, lambda name, entry: entry.pop('fps'))


def lonely_class(folder):
    entry = next(iter(training(folder)))

    def change(name, each):
        for item in each['annotations']:
            item.pop('label_id')
        if name == entry:
            each['annotations'][0]['label'] = 'rare'

    edit(folder, change)


WARNINGS = [
    (drop_features, dict(filter_missing=True), '1 of 24 videos have no feat'),
    (drop_validation, dict(val_dataloader=None, val_cfg=None),
     "no video has the subset 'validation', so nothing is evaluated"),
    (drop_fps, dict(fps=30.), None),
    (lonely_class, dict(num_classes=11),
     "1 of 11 classes have one training action: 'rare'"),
]  # yapf: disable


def test_validation_on_training_videos_is_a_warning(tool, data, capsys):
    cfg = configure(tool, data, '--val-subset=training')
    assert cfg.val_dataloader.dataset.subset == 'training'
    assert 'warning: train: validation is on the' in capsys.readouterr().out


@pytest.mark.parametrize('change, expected, message', WARNINGS)
def test_what_can_train_is_a_warning(tool, data, tmp_path, monkeypatch, capsys,
                                     change, expected, message):
    change(data)
    cfg = configure(tool, data)
    out = capsys.readouterr().out
    assert message is None or f'warning: train: {message}' in out
    assert {key: cfg[key] for key in expected} == expected
    check_training(cfg, tmp_path, monkeypatch)


def test_only_the_ratio_to_an_assumed_fps_counts(tool, data):
    """Digit streams have 1 frame a second or 30, whichever is said."""
    seconds = sum(entry['duration'] for entry in training(data).values())
    cells = sum(
        len(np.load(data / f'features/{name}.npy')) for name in training(data))
    drop_fps(data)
    cfg = configure(tool, data)
    assert cfg.fps / cfg.feat_stride == pytest.approx(cells / seconds, rel=.01)


def no_training(folder):
    edit(folder, lambda name, entry: entry.update(subset='validation'))


def one_video(folder):
    first = next(iter(training(folder)))
    save(folder, {first: read(folder)[first]})


def longer_than_the_video(folder):

    def change(name, entry):
        for item in entry['annotations']:
            item['segment'] = [0, 1.4 * entry['duration']]

    edit(folder, change)


def segments_in_milliseconds(folder):

    def change(name, entry):
        for item in entry['annotations']:
            item['segment'] = [1000 * time for time in item['segment']]

    edit(folder, change)


def other_durations(folder):
    rng = np.random.default_rng(0)
    edit(
        folder, lambda name, entry: entry.update(duration=entry['duration'] *
                                                 rng.choice([1, 2, 5, 9])))


def shorter_where_longer(folder):
    edit(folder,
         lambda name, entry: entry.update(duration=5e4 / entry['duration']))


def no_duration(folder):
    edit(folder, lambda name, entry: entry.pop('duration'))


def resized(folder):
    edit_features(folder,
                  lambda feats: feats[len(feats) * np.arange(100) // 100])


def resized_without_durations(folder):
    """A video of each subset lacks it."""
    resized(folder)
    database = read(folder)
    names = sorted(database)
    for name in (names[0], names[-1]):
        del database[name]['duration']
    save(folder, database)


def transposed(folder):
    resized(folder)
    for i, path in enumerate(sorted((folder / 'features').iterdir())):
        np.save(path, np.load(path)[:90 + i].T)


def no_features(folder):
    shutil.rmtree(folder / 'features')


def damaged_file(folder):
    path = folder / f'features/{next(iter(training(folder)))}.npy'
    path.write_bytes(path.read_bytes()[:-100])


def no_npy_file(folder):
    path = folder / f'features/{next(iter(training(folder)))}.npy'
    path.write_text('<html>404</html>')


def no_actions(folder):
    edit(folder, lambda name, entry: entry.update(annotations=[]))


def no_json(folder):
    (folder / 'annotations.json').write_text('{"database": {')


def other_dimension(folder):
    for name in read(folder).keys() - training(folder):
        path = folder / f'features/{name}.npy'
        np.save(path, np.load(path)[:, :-1])


ERRORS = [
    (no_training, (), "subset must be one of ['validation']"),
    (one_video, (), 'training needs at least 2 videos with features, but got'),
    (longer_than_the_video, (), 'actions do not lie in their videos'),
    (segments_in_milliseconds, (), 'segments must be in seconds, but'),
    (other_durations, (), 'no stride explains how long the features are'),
    (shorter_where_longer, (), 'features must be longer where videos are'),
    (no_duration, (), "no video has a 'duration'"),
    (resized_without_durations, (), 'val: features of one length need'),
    (transposed, (), 'all have 64 rows, so they seem to be (C, T)'),
    (no_features, (), '24 of 24 videos have no features, first'),
    (damaged_file, (), 'end early or are damaged'),
    (no_npy_file, (), 'must be an npy file'),
    (no_actions, (), 'no action'),
    (no_json, (), 'must be JSON'),
    (other_dimension, (), 'different dimensions: [63, 64]'),
    (as_it_is, ('--ann-file=x.json', ), 'no annotation file'),
    (as_it_is, ('--fps=0', ), '--fps must be above 0'),
    (as_it_is, ('--out=config.txt', ), '--out must end in .py'),
]  # yapf: disable


@pytest.mark.parametrize('change, options, message', ERRORS)
def test_what_cannot_train_is_an_error(tool, data, capsys, change, options,
                                       message):
    change(data)
    with pytest.raises(SystemExit) as end:
        configure(tool, data, *options)
    # a text as code is printed, and the status is 1
    assert isinstance(end.value.code, str)
    assert message in capsys.readouterr().out + end.value.code
    assert not (data.parent / 'chosen.py').exists()
    assert not list(data.parent.glob('.*'))


def test_command_line(data):
    """A process of its own: exit status, and an old file stays."""
    out = data.parent / 'mine.py'
    args = ('misc/configure.py', '--data-root=data', '--out=mine.py')
    done = run_tool(*args, cwd=data.parent)
    assert done.returncode == 0, done.stderr
    assert 'mine.py is written' in done.stdout
    text = out.read_text()
    done = run_tool(*args, cwd=data.parent)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "FileExistsError: --out must be a new file, but got 'mine.py'")
    assert out.read_text() == text
    shutil.rmtree(data / 'features')
    done = run_tool(*args[:2], '--out=new.py', cwd=data.parent)
    assert done.returncode == 1 and '24 of 24 videos' in done.stdout
    assert done.stderr.splitlines()[-1].startswith('no config is written')


# videos, actions, cells of a video: width, batch size, epochs, learning rate
SIZES = [
    # as long actions of 160 videos, for which 1,000 iterations were too few
    ((160, 422, 512), (128, 6, 60, 2.3e-3)),
    # as every fourth cell of the digit streams, where 9e-4 was too little
    ((400, 1164, 48), (128, 16, 60, 4e-3)),
    ((200, 3000, 1200), (256, 4, 50, 5.2e-4)),  # as THUMOS14
    ((10000, 15000, 800), (512, 16, 10, 2.8e-4)),  # as ActivityNet
    ((4, 10, 100), (128, 1, 60, 1e-3)),
]  # yapf: disable


@pytest.mark.parametrize('size, expected', SIZES)
def test_size_of_the_data_chooses_that_of_the_training(tool, size, expected):
    from data_settings import Data, choose_settings
    videos, actions, cells = size
    data = Data(
        64, np.full(videos, cells), np.full(actions, 20.), most=9, overlap=0.5)
    found = choose_settings(data, (2, 2))
    keys = ('width', 'batch_size', 'max_epochs', 'lr')
    assert tuple(found[key].value for key in keys) == pytest.approx(
        expected, rel=0.05)
    assert found['nms_sigma'].value == 0.7
    assert found['regression_ranges'].value[-1] == (6, 10000)


def test_few_cells_bound_the_levels(tool):
    """Actions of 400 cells ask for 7, and videos of 60 have room for 4."""
    from data_settings import Data, choose_settings
    data = Data(64, np.full(20, 60), np.full(50, 400.), most=3, overlap=0.)
    found = choose_settings(data, (2, 2))
    assert found['model.backbone.arch'].value == (2, 2, 3)
    assert 'but 4 cells of the coarsest level have to fit' in found[
        'model.backbone.arch'].reason


def test_a_long_video_is_cropped(tool):
    from data_settings import Data, choose_settings
    data = Data(
        64, np.array([100] * 99 + [5000]), np.full(50, 9.), most=3, overlap=0.)
    found = choose_settings(data, (2, 2))['max_seq_len']
    assert found.value == 100
    assert found.reason == ('95 % of the training videos: 100 cells; longest '
                            'of 100 training videos: 5000 cells')
