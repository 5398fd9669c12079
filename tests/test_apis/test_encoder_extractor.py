"""Trained from frames, used on features, by the command line."""
import json

import numpy as np
import pytest
import torch
from small_data import run_tool
from video_data import FPS, write_video_data

from dyfadet_mm.apis import EncoderExtractor, TADInferencer, init_detector
from dyfadet_mm.evaluation.files import load_predictions
from dyfadet_mm.fileio import load_grid

pytest.importorskip('av')
TOOL = 'misc/extract_features.py'
ON_FEATURES = """
test_dataloader = dict(dataset=dict(
    _delete_=True,
    type='TADDataset',
    data_root=data_root,
    ann_file='annotations.json',
    subset='validation',
    data_prefix=dict(feats='made/'),
    test_mode=True,
    pipeline=[
        dict(type='LoadFeatures'),
        dict(type='SecondsToGrid'),
        dict(type='PackTADInputs')
    ]))
"""


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A folder with data, config and checkpoint, trained by the tool."""
    folder = tmp_path_factory.mktemp('trained')
    config = write_video_data(folder, 'randomness = dict(seed=0)')
    done = run_tool('train.py', config, '--work-dir', folder / 'work')
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope='module')
def files(trained):
    return str(trained / 'my_config.py'), str(trained / 'work/epoch_2.pth')


@pytest.fixture(scope='module')
def made(trained, files):
    """Features of the validation videos, by the tool."""
    videos = sorted((trained / 'videos').glob('*.mp4'))[-2:]
    done = run_tool(TOOL, *videos, '--config', files[0], '--checkpoint',
                    files[1], '--out', trained / 'made')
    assert done.returncode == 0, done.stderr
    return trained / 'made'


def test_training_moves_the_encoder_and_saves_it(trained, files):
    state = torch.load(files[1])['state_dict']
    fresh = init_detector(files[0], device='cpu')
    name = 'encoder.backbone.layer2.1.conv2.conv.weight'
    assert state[name].shape == fresh.state_dict()[name].shape
    log = next((trained / 'work').glob('*/vis_data/scalars.json'))
    losses = [
        json.loads(line).get('loss') for line in log.read_text().splitlines()
    ]
    assert all(np.isfinite(x) for x in losses if x is not None)


def test_the_grid_of_the_features_is_beside_them(made, trained):
    facts = load_grid(str(made))
    assert (facts['stride'], facts['window'], facts['fps']) == (2, 2, None)
    assert facts['checkpoint'] == 'epoch_2.pth' and facts['channels'] == 8
    assert facts['preprocessing'][1].startswith('SampleCellFrames(')
    feats = np.load(next(made.glob('*.npy')))
    assert feats.shape == (32, 8) and feats.dtype == np.float32


def test_features_give_the_detections_of_the_frames(trained, files, made):
    """By the test tool, in both ways, with the same checkpoint."""
    other = trained / 'on_features.py'
    other.write_text((trained / 'my_config.py').read_text() + ON_FEATURES)
    found = []
    for config in (files[0], other):
        out = trained / f'{len(found)}.json'
        done = run_tool('test.py', config, files[1], '--out', out,
                        '--work-dir', trained / 'test')
        assert done.returncode == 0, done.stderr
        found.append(load_predictions(str(out), ('jump', 'run')))
    assert found[0].keys() == found[1].keys() and len(found[0]) == 2
    for name, ours in found[0].items():
        assert len(ours['scores']) > 10
        for key in ('segments', 'scores', 'labels'):
            np.testing.assert_allclose(
                ours[key], found[1][name][key], atol=1e-4)


def test_the_inferencer_reads_videos_and_features(trained, files, made):
    """Without a config: that of the checkpoint."""
    inferencer = TADInferencer(
        weights=files[1], device='cpu', show_progress=False)
    names = [path.stem for path in sorted(made.glob('*.npy'))]
    ours = inferencer([str(trained / f'videos/{x}.mp4') for x in names])
    theirs = inferencer([str(made / f'{x}.npy') for x in names], fps=FPS)
    for one, other in zip(ours['predictions'], theirs['predictions']):
        assert one['video_id'] == other['video_id']
        assert one['duration'] == other['duration'] == 16
        assert len(one['scores']) > 10
        np.testing.assert_allclose(
            one['segments'], other['segments'], atol=1e-4)
        np.testing.assert_allclose(one['scores'], other['scores'], atol=1e-4)


def test_made_again_they_are_kept(trained, files, made):
    before = {path: path.stat().st_mtime_ns for path in made.glob('*.npy')}
    videos = sorted((trained / 'videos').glob('*.mp4'))[-2:]
    done = run_tool(TOOL, *videos, '--config', files[0], '--checkpoint',
                    files[1], '--out', made)
    assert done.returncode == 0 and '2 were there' in done.stdout
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_other_weights_are_not_mixed_with_them(tmp_path, trained, files, made):
    state = torch.load(files[1])['state_dict']
    state = {key: each + 1 for key, each in state.items()}
    torch.save(dict(state_dict=state), tmp_path / 'other.pth')
    done = run_tool(TOOL, next(
        (trained / 'videos').glob('*.mp4')), '--config', files[0],
                    '--checkpoint', tmp_path / 'other.pth', '--out', made)
    assert done.returncode == 1 and 'checkpoint_sha256' in done.stderr


def test_a_damaged_video_fails_and_the_others_are_made(tmp_path, trained,
                                                       files):
    good = next((trained / 'videos').glob('*.mp4'))
    (tmp_path / 'bad.mp4').write_bytes(b'no video')
    done = run_tool(TOOL, tmp_path / 'bad.mp4', good, '--config', files[0],
                    '--checkpoint', files[1], '--out', tmp_path / 'out')
    assert done.returncode == 1
    assert 'failed: bad: ' in done.stderr and 'bad.mp4' in done.stderr
    assert 'Traceback' not in done.stderr
    assert [x.stem for x in (tmp_path / 'out').glob('*.npy')] == [good.stem]


@pytest.mark.parametrize('args, text', [
    (['--grid', 'stride=4'], 'leave --grid out'),
    (['--preprocessing', 'size=8'], 'leave --preprocessing out'),
])
def test_settings_of_a_recognizer_are_refused(tmp_path, trained, files, args,
                                              text):
    done = run_tool(TOOL, trained / 'videos', '--config', files[0],
                    '--checkpoint', files[1], '--out', tmp_path / 'out', *args)
    assert done.returncode == 1 and text in done.stderr
    assert 'Traceback' not in done.stderr


def test_weights_must_be_given(tmp_path, trained, files):
    done = run_tool(TOOL, trained / 'videos', '--config', files[0], '--out',
                    tmp_path / 'out')
    assert done.returncode == 1 and 'give --checkpoint' in done.stderr


def test_a_detector_of_features_has_no_encoder():
    model = init_detector('dyfadet://digit-streams', device='cpu')
    with pytest.raises(ValueError, match='must have an encoder'):
        EncoderExtractor(model)


def test_a_running_video_is_refused(trained, files):
    inferencer = TADInferencer(*files, device='cpu', show_progress=False)
    frames = (np.zeros((32, 32, 3), np.uint8) for _ in range(8))
    path = str(next((trained / 'videos').glob('*.mp4')))
    for source, fps in ((frames, FPS), (path, None)):
        with pytest.raises(ValueError, match='cannot follow a running video'):
            list(inferencer.stream(source, fps=fps))


def test_what_a_user_says_of_a_video_wins(trained, files):
    inferencer = TADInferencer(*files, device='cpu', show_progress=False)
    path = str(next((trained / 'videos').glob('*.mp4')))
    found = inferencer(path, duration=15.5)['predictions'][0]
    assert found['duration'] == 15.5
    assert 0 < max(end for _, end in found['segments']) <= 15.5
