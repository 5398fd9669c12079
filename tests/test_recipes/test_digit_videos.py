"""Training end to end on the digit videos, as docs/end_to_end.md shows it."""
import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from one_step import ROOT, load_tool
from small_data import run_tool

from dyfadet_mm.fileio import VideoReader

RECIPE = 'dyfadet-plus_{}_1xb4-6e_digit-videos.py'
SMALL = [
    'num_workers=0', 'width=16', 'model.backbone.mlp_channels=16',
    'max_seq_len=64', 'val_cfg=None', 'val_dataloader=None',
    'val_evaluator=None', 'default_hooks.checkpoint=None'
]
BLANK, BRIGHTEST_SCAN = 90, 166  # brightness of pixels


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Where the commands of the page were run, with few streams."""
    folder = tmp_path_factory.mktemp('e2e')
    for tool, *args in (('dataset_converters/digit_streams.py', '--out',
                         'digits', '--noise', 0, '--occlusion', 0, '--missing',
                         0, '--mixing', 0, '--train', 8, '--val', 2,
                         '--min-cells', 40, '--max-cells', 60, '--longest',
                         16),
                        ('dataset_converters/digit_videos.py', 'digits',
                         '--subset', 'training', 'validation', '--scattered'),
                        ('dataset_converters/digit_videos.py', 'digits',
                         '--subset', 'training', '--trimmed', '--scattered',
                         0), ('train.py',
                              ROOT / 'configs/features/resnet_digit-videos.py',
                              '--work-dir', 'pretrained', '--cfg-options',
                              'data_root=digits/', 'max_epochs=2')):
        done = run_tool(tool, *args, cwd=folder)
        assert done.returncode == 0, done.stderr[-3000:]
    return folder


def frames_of(path):
    """Grey frames of a video, (T, H, W)."""
    with VideoReader(str(path)) as reader:
        return np.stack([frame.mean(-1) for _, frame in reader])


def boxes(frames):
    """First rows and columns that are not blank, and how many, (2, T) each."""
    there = abs(frames - BLANK) > 12
    sides = np.stack([there.any(2), there.any(1)])
    first = sides.argmax(2)
    return first, 32 - sides[..., ::-1].argmax(2) - first


def database_of(folder):
    path = folder / 'digits/annotations.json'
    return json.loads(path.read_text())['database']


def test_trimmed_videos_show_one_action_each(folder):
    lines = (folder / 'digits/trimmed.txt').read_text().splitlines()
    listed = dict(line.split() for line in lines)
    actions = {
        f'{name}_{number}.mp4': action
        for name, entry in database_of(folder).items()
        if entry['subset'] == 'training'
        for number, action in enumerate(entry['annotations'])
    }
    assert {k: v['label_id'] for k, v in actions.items()} \
        == {k: int(v) for k, v in listed.items()}
    for name, action in actions.items():
        frames = frames_of(folder / 'digits/trimmed' / name)
        start, end = action['segment']
        assert frames.shape == (end - start, 32, 32)
        assert (boxes(frames)[1] <= 16).all()  # a scan alone


def test_scans_lie_anywhere_and_under_bars(folder):
    corners = [
        boxes(frames_of(path))[0]
        for path in (folder / 'digits/trimmed').iterdir()
    ]
    # a scan has blank columns beside its digit, but hardly a blank row
    spread = np.ptp(np.concatenate(corners, 1), axis=1)
    assert (spread >= 14).all()
    for name, entry in database_of(folder).items():
        frames = frames_of(folder / f'digits/scattered/{name}.mp4')
        assert frames.shape == (entry['duration'], 32, 32)
        assert (boxes(frames)[1] > 16).any(0).mean() > 0.9
        assert (frames.max((1, 2)) > BRIGHTEST_SCAN + 12).mean() > 0.5


def test_the_same_options_draw_the_same_frames(folder):
    done = run_tool(
        'dataset_converters/digit_videos.py',
        'digits',
        '--scattered',
        '--out',
        'again',
        cwd=folder)
    assert done.returncode == 0, done.stderr
    assert len(list((folder / 'again').iterdir())) == 2
    name = 'val_0001.mp4'
    first = frames_of(folder / 'digits/scattered' / name)
    # x264 does not always round alike
    assert abs(first - frames_of(folder / 'again' / name)).mean() < 1
    done = run_tool(
        'dataset_converters/digit_videos.py',
        'digits',
        '--scattered',
        -1,
        cwd=folder)
    assert done.returncode != 0 and 'at least 0 bars' in done.stderr


def train(folder, work_dir, name, *options):
    """Train a recipe as tools/train.py does, and return the runner."""
    path = ROOT / 'configs/e2e' / RECIPE.format(name)
    tool = load_tool('train')
    args = tool.parse_args([
        str(path), f'--work-dir={work_dir}', '--seed=0', '--cfg-options',
        f'data_root={folder}/digits/', *SMALL, *options
    ])
    runner = Runner.from_cfg(tool.merge_args(Config.fromfile(path), args))
    runner.train()
    return runner


def pretrained_weights(folder):
    path = folder / 'pretrained/epoch_2.pth'
    weights = torch.load(path, 'cpu', weights_only=False)['state_dict']
    return path, {
        name: each
        for name, each in weights.items() if name.startswith('backbone.')
    }


def test_end_to_end_moves_the_cnn_and_lowers_the_loss(folder, tmp_path):
    path, before = pretrained_weights(folder)
    runner = train(folder, tmp_path, 'resnet', f'pretrained={path}',
                   'batch_size=2', 'model.head.loss_normalizer.init_value=5')
    encoder = runner.model.encoder
    moved = [
        name for name, each in encoder.named_parameters()
        if not torch.equal(each, before[name])
    ]
    assert moved == [name for name, _ in encoder.named_parameters()]
    assert not torch.equal(encoder.backbone.conv1.bn.running_mean,
                           before['backbone.conv1.bn.running_mean'])
    losses = runner.message_hub.get_scalar('train/loss').data[0]
    assert len(losses) == 24
    assert np.mean(losses[-6:]) < 0.9 * np.mean(losses[:6])
    assert runner.test().keys() >= {'tad/average_mAP'}


def test_frozen_the_cnn_stays(folder, tmp_path):
    path, before = pretrained_weights(folder)
    runner = train(folder, tmp_path, 'resnet-frozen', f'pretrained={path}',
                   'max_epochs=2')
    after = runner.model.encoder.state_dict()
    changed = [
        name for name, each in before.items()
        if not torch.equal(after.pop(name), each)
    ]
    assert not after
    assert all(name.endswith('num_batches_tracked') for name in changed)
    assert runner.iter == 4


def test_pixels_are_the_blocks_of_frames(folder, tmp_path):
    runner = train(folder, tmp_path, 'pixels', 'max_epochs=2')
    batch = next(iter(runner.test_dataloader))
    feats = runner.model.encoder(batch['inputs'][0][None, :, :, 0],
                                 torch.ones(1, batch['inputs'][0].size(1)) > 0)
    frames = frames_of(folder / 'digits/scattered/val_0000.mp4')
    blocks = frames.reshape(-1, 16, 2, 16, 2).mean((2, 4)).reshape(-1, 256)
    np.testing.assert_allclose(
        feats[0].T.numpy(), blocks / 255 * 9 - 4, atol=0.1)
