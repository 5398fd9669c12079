"""Detection without an annotation file, from whatever a person has."""
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import INFERENCERS
from small_data import make_data, run_tool, save, write_config

from dyfadet_mm.apis import (FeatureExtractor, TADInferencer,
                             inference_detector, init_detector)
from dyfadet_mm.evaluation.files import load_predictions
from dyfadet_mm.fileio import VideoReader, probe_video, write_video
from dyfadet_mm.registry import INFERENCERS as OURS

SHIPPED = 'dyfadet://digit-streams'


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A small data set, a config and a checkpoint that MMEngine saved."""
    folder = tmp_path_factory.mktemp('trained')
    save(folder, make_data(folder))
    config = write_config(folder, 'randomness = dict(seed=0)')
    done = run_tool('train.py', config, '--work-dir', folder / 'work')
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope='module')
def weights(trained):
    return str(trained / 'work' / 'epoch_2.pth')


@pytest.fixture(scope='module')
def saved(weights):
    """What a detector is read from: a checkpoint without its optimizer."""
    content = torch.load(weights)
    return {key: content[key] for key in ('meta', 'message_hub', 'state_dict')}


@pytest.fixture(scope='module')
def detector(weights):
    return TADInferencer(weights=weights, device='cpu', show_progress=False)


def feature_file(folder, number=6):
    return str(folder / 'features' / f'vid_{number:03d}.npy')


def test_detections_are_those_of_the_test_tool(trained, weights, detector):
    done = run_tool('test.py', trained / 'my_config.py', weights, '--out',
                    trained / 'test.json', '--work-dir', trained / 'test')
    assert done.returncode == 0, done.stderr
    classes = detector.classes
    assert classes == ('jump', 'run')
    theirs = load_predictions(str(trained / 'test.json'), classes)
    found = detector(str(trained / 'features'), fps=30)['predictions']
    assert [x['video_id'] for x in found] == sorted(x['video_id']
                                                    for x in found)
    assert len(found) == 9
    for each in found:
        if each['video_id'] in theirs:
            other = theirs.pop(each['video_id'])
            for key in ('segments', 'scores', 'labels'):
                np.testing.assert_allclose(
                    each[key], other[key], rtol=1e-5, atol=1e-5)
            assert each['classes'] == [classes[n] for n in each['labels']]
            assert len(each['scores']) > 10
    assert not theirs


@pytest.mark.parametrize('way', ['config', 'checkpoint', 'object'])
def test_the_same_model_by_any_name(way, trained, weights, detector):
    path = str(trained / 'my_config.py')
    given = dict(
        config=(path, weights),
        checkpoint=(None, weights),
        object=(Config.fromfile(path), weights))[way]
    model = init_detector(*given, device='cpu')
    assert not model.training
    sample = inference_detector(model, feature_file(trained), fps=30.)
    expected = detector(feature_file(trained), fps=30.)['predictions'][0]
    assert sample.pred_instances.scores.tolist() == expected['scores']
    samples = inference_detector(model, [feature_file(trained)] * 2, fps=30.)
    assert [x.video_id for x in samples] == ['vid_006', 'vid_006-2']


@pytest.mark.parametrize('name', [
    SHIPPED, 'dyfadet-plus_pixels_1xb8-10e_digit-streams',
    'DyFADet-Plus_Pixels_1xb8-10e_Digit-Streams'
])
def test_models_of_the_zoo_have_names(name):
    model = init_detector(name, device='cpu')
    assert model.dataset_meta['classes'] == tuple(f'digit {n}'
                                                  for n in range(10))
    assert model.cfg.model.head.type == 'DyTridentHead'


def test_files_of_every_kind(trained, detector, tmp_path):
    feats = np.load(feature_file(trained))
    np.savez(tmp_path / 'a.npz', feats)
    torch.save(torch.from_numpy(feats), tmp_path / 'b.pt')
    with h5py.File(tmp_path / 'c.hdf5', 'w') as file:
        file['x'] = feats
        file['group/y'] = feats
    (tmp_path / 'list.txt').write_text(f'a.npz\n{feature_file(trained)}\n\n')
    expected = detector(feats, fps=30.)['predictions'][0]
    assert expected['video_id'] == 'array_0'
    found = detector(
        [tmp_path,
         str(tmp_path / 'list.txt'),
         torch.from_numpy(feats)],
        fps=30.)['predictions']
    assert [x['video_id'] for x in found
            ] == ['a', 'b', 'group/y', 'x', 'a-2', 'vid_006', 'array_6']
    for each in found:
        assert each['scores'] == expected['scores']
        assert each['segments'] == expected['segments']


def test_times_follow_the_grid_that_is_given(trained, detector):
    one = detector(feature_file(trained), fps=30.)['predictions'][0]
    # 64 cells of 16 frames, 8 frames apart
    assert one['duration'] == pytest.approx((63 * 8 + 16) / 30)
    other = detector(
        feature_file(trained), fps=15., duration=100.)['predictions'][0]
    inner = np.array(one['segments'])[:5]
    inner = inner[(inner > 0).all(1) & (inner[:, 1] < one['duration'])]
    assert len(inner) and other['duration'] == 100
    for segment in 2 * inner:
        assert np.abs(np.array(other['segments']) - segment).sum(1).min() < .01


def test_few_detections_are_the_best(trained, detector):
    everything = detector(feature_file(trained), fps=30.)['predictions'][0]
    few = detector(feature_file(trained), fps=30., top_k=3)['predictions'][0]
    assert few['scores'] == everything['scores'][:3]
    thr = everything['scores'][5]
    few = detector(
        feature_file(trained), fps=30., pred_score_thr=thr)['predictions'][0]
    assert few['scores'] == everything['scores'][:6]


def test_results_are_written_and_nothing_is_lost(trained, detector, tmp_path):
    out = str(tmp_path / 'out')
    made = detector(
        feature_file(trained), fps=30., out_dir=out, return_vis=True)
    found, = load_predictions(f'{out}/predictions.json',
                              detector.classes).values()
    np.testing.assert_allclose(found['scores'],
                               made['predictions'][0]['scores'])
    assert made['visualization'][0].shape[2] == 3
    assert Path(out, 'timelines', 'vid_006.png').stat().st_size > 5000
    with pytest.raises(FileExistsError, match='out_dir must be new or empty'):
        detector(feature_file(trained), fps=30., out_dir=out)
    detector(feature_file(trained, 7), fps=30., out_dir=out, overwrite=True)
    assert list(load_predictions(f'{out}/predictions.json',
                                 detector.classes)) == ['vid_007']


@pytest.mark.parametrize('inputs, kind, match', [
    ('none.mp4', FileNotFoundError, 'none.mp4'),
    (np.zeros((16, 64), 'f4'), ValueError, r'\(C, T\): transpose it'),
    (np.zeros((64, 8), 'f4'), ValueError, r'array_0 must have shape'),
    (np.full((64, 16), np.nan), ValueError, 'array_0 must'),
    (np.zeros((0, 16), 'f4'), ValueError, 'at least one cell'),
    (np.array(['x']), ValueError, 'real numbers'),
    (3, TypeError, 'inputs must be paths'),
    ([], ValueError, 'inputs must have a video'),
    (__file__, ValueError, 'inputs must be videos'),
])
def test_wrong_inputs_are_named(inputs, kind, match, detector):
    with pytest.raises(kind, match=match):
        detector(inputs, fps=30.)


def test_what_nothing_says_is_asked_for(trained, detector, tmp_path):
    with pytest.raises(
            ValueError, match=r'vid_006.npy.* must have fps .*fps='):
        detector(feature_file(trained))
    video = str(tmp_path / 'a.mp4')
    write_video(video, np.zeros((9, 32, 32, 3), np.uint8), 30)
    with pytest.raises(ValueError, match='must have a feature extractor'):
        detector(video)
    with pytest.raises(ValueError, match='unknown argument'):
        detector(feature_file(trained), fsp=30.)


def test_other_videos_go_on_after_a_failure(trained, detector, tmp_path):
    bad = tmp_path / 'bad.npy'
    bad.write_bytes(b'no array')
    inputs = [feature_file(trained), str(bad), feature_file(trained, 7)]
    found = detector(inputs, fps=30., skip_failed=True, batch_size=2)
    assert [x['video_id']
            for x in found['predictions']] == ['vid_006', 'vid_007']
    assert list(found['failed']) == [str(bad)]
    assert 'be an npy file' in found['failed'][str(bad)]
    with pytest.raises(ValueError, match='bad.npy'):
        detector(inputs, fps=30.)


@pytest.mark.parametrize('given, kind, match', [
    (dict(), ValueError, 'got neither'),
    (dict(config='dyfadet_i3d'), ValueError, 'model must be'),
    (dict(config='no.py'), FileNotFoundError, 'no.py'),
    (dict(checkpoint='no.pth'), FileNotFoundError, 'no.pth'),
    (dict(config=SHIPPED, checkpoint='a.pth'), ValueError, 'beside'),
    (dict(config='dyfadet://none'), ValueError, 'digit-streams'),
    (dict(config=3), TypeError, 'config must be'),
    (dict(config=SHIPPED, classes=['a']), ValueError, 'the 10 of the model'),
    (dict(config=SHIPPED, cfg_options={'feat_dimm': 1
                                       }), ValueError, 'feat_dim'),
])
def test_wrong_models_are_named(given, kind, match):
    with pytest.raises(kind, match=match):
        init_detector(**given)


def test_weights_must_fit_and_have_names(trained, weights, tmp_path):
    checkpoint = torch.load(weights)
    config = str(trained / 'my_config.py')
    del checkpoint['state_dict']['head.conv_cls.bias']
    torch.save(checkpoint, tmp_path / 'part.pth')
    with pytest.raises(ValueError, match='part.pth.*conv_cls.bias'):
        init_detector(config, str(tmp_path / 'part.pth'))
    bare = dict(state_dict=torch.load(weights)['state_dict'])
    torch.save(bare, tmp_path / 'bare.pth')
    with pytest.raises(ValueError, match='give the config beside'):
        init_detector(checkpoint=str(tmp_path / 'bare.pth'))
    elsewhere = Config.fromfile(config)
    elsewhere.test_dataloader.dataset.ann_file = 'none.json'
    with pytest.raises(ValueError, match='2 classes .* must have names'):
        init_detector(elsewhere, str(tmp_path / 'bare.pth'))
    model = init_detector(
        elsewhere, str(tmp_path / 'bare.pth'), classes=['a', 'b'])
    assert model.dataset_meta['classes'] == ('a', 'b')


def test_scores_of_known_videos_are_left_out(trained, weights, detector):
    cfg = Config.fromfile(str(trained / 'my_config.py'))
    cfg.model.score_fusion = dict(type='ScoreFusion', score_file='none.json')
    with pytest.warns(UserWarning, match='score_fusion'):
        model = init_detector(cfg, weights, device='cpu')
    sample = inference_detector(model, feature_file(trained), fps=30.)
    expected = detector(feature_file(trained), fps=30.)['predictions'][0]
    assert sample.pred_instances.scores.tolist() == expected['scores']


@pytest.mark.parametrize('text', [
    "import os\nos.system('touch HERE')",
    "model = dict(type='SingleStageTAD', x=open('HERE', 'w'))",
    "model = dict(type='os.system', command='touch HERE')",
    "model = dict(type='builtins.open', file='HERE', mode='w')",
    "model = dict(type='mmengine.utils.mkdir_or_exist', dir_name='HERE')",
    "model = dict(type='SingleStageTAD', backbone=dict(type='pathlib.Path'))",
    'model = dict(type=3)',
    'model = 1',
    "a = dict(type='SingleStageTAD')",
    'model = ' + '[' * 2000,
    'x = 1\n' * 2**19,
])
def test_a_checkpoint_is_never_code(text, saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(saved['message_hub']['runtime_info'], 'cfg', text)
    torch.save(saved, 'crafted.pth')
    with pytest.raises(ValueError, match="crafted.pth' must say what model"):
        init_detector(checkpoint='crafted.pth')
    assert [x.name for x in tmp_path.iterdir()] == ['crafted.pth']


def test_inferencers_are_found_by_name():
    assert OURS.get('TADInferencer') is TADInferencer
    assert INFERENCERS.get('dyfadet_mm.TADInferencer') is TADInferencer


@pytest.fixture(scope='module')
def digits(tmp_path_factory):
    """Two digit streams: features, and the videos that show them."""
    folder = tmp_path_factory.mktemp('digits')
    for tool, *args in (('digit_streams', '--out', 'digits', '--train', 0,
                         '--val', 2), ('digit_videos', 'digits')):
        done = run_tool(f'dataset_converters/{tool}.py', *args, cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder / 'digits'


@pytest.fixture(scope='module')
def shipped():
    return TADInferencer(SHIPPED, device='cpu', show_progress=False)


def good_detections(found):
    """Segments by label of those that anybody would look at."""
    return {(label, tuple(segment))
            for label, segment, score in zip(
                found['labels'], found['segments'], found['scores'])
            if score > 0.4}


def test_videos_give_the_detections_of_their_features(digits, shipped):
    videos = shipped(str(digits / 'videos'))['predictions']
    feats = shipped(str(digits / 'features'), fps=1.)['predictions']
    assert [x['video_id'] for x in videos] == ['val_0000', 'val_0001']
    for one, other in zip(videos, feats):
        assert one['duration'] == pytest.approx(other['duration'])
        one, other = map(sorted, map(good_detections, (one, other)))
        assert len(one) == len(other) > 1
        for (label, segment), (expected, truth) in zip(one, other):
            assert label == expected
            np.testing.assert_allclose(segment, truth, atol=1)  # a cell


def with_blocks(shipped, stride=1, **kwargs):
    """The shipped detector with an extractor of ours."""
    extractor = FeatureExtractor(
        dict(type='dyfadet_mm.PixelBlocks', **kwargs),
        grid=dict(stride=stride, window=1),
        preprocessing=dict(std=(255, ) * 3))
    return TADInferencer(
        shipped.model, extractor=extractor, show_progress=False)


def test_grids_of_extraction_and_detector_must_agree(digits, shipped):
    video = str(digits / 'videos' / 'val_0000.mp4')
    with pytest.raises(ValueError, match='64, and .the extractor. .* = 16'):
        with_blocks(shipped, size=4)(video)
    inferencer = with_blocks(shipped, stride=2)
    with pytest.raises(ValueError, match='1, and .the extractor. says .* 2'):
        inferencer(video)
    frames = iter(np.zeros((9, 64, 64, 3), np.uint8))
    with pytest.raises(ValueError, match='1, and .the extractor. says .* 2'):
        list(inferencer.stream(frames, fps=1.))


def test_files_beside_features_say_the_grid(digits, shipped, tmp_path):
    video = str(digits / 'videos' / 'val_0000.mp4')
    shipped.extractor.extract_to(video, str(tmp_path / 'feats'))
    found = shipped(str(tmp_path / 'feats'), fps=1.)['predictions'][0]
    expected = shipped(video)['predictions'][0]
    assert found['scores'] == expected['scores']
    with pytest.raises(ValueError, match='of the arguments must be that'):
        shipped(str(tmp_path / 'feats'), fps=1., feat_stride=4.)
    grid = tmp_path / 'feats' / 'feature_grid.json'
    facts = json.loads(grid.read_text())
    grid.write_text(json.dumps(dict(facts, window=16)))
    with pytest.raises(ValueError, match='of the detector must be that'):
        shipped(str(tmp_path / 'feats'), fps=1.)


def test_streams_give_the_detections_of_the_whole_video(digits, shipped):
    video = str(digits / 'videos' / 'val_0001.mp4')
    whole = shipped(video)['predictions'][0]
    window = dict(size=256)
    with VideoReader(video) as reader:
        frames = (frame for _, frame in reader)
        ways = [
            list(shipped.stream(video, window=window)),
            list(shipped.stream(frames, fps=1., window=window))
        ]
    most = shipped.model.postprocessor.nms['max_num']  # of the whole video
    for found in ways:
        found = sorted(found, key=lambda each: -each.score)[:most]
        assert len(found) == len(whole['scores'])
        np.testing.assert_allclose([x.score for x in found],
                                   whole['scores'],
                                   rtol=1e-4)
    feats = np.load(digits / 'features' / 'val_0001.npy')
    found = list(shipped.stream(iter(feats[:, None]), fps=1., window=window))
    whole = shipped(feats, fps=1.)['predictions'][0]
    assert min(len(found), most) == len(whole['scores'])
    with pytest.raises(ValueError, match='the stream must have fps'):
        list(shipped.stream(iter(feats[:, None])))
    assert list(shipped.stream(iter(()))) == []


def test_the_demo_shows_videos_in_every_form(digits, tmp_path):
    done = run_tool(
        'misc/tad_demo.py',
        digits / 'videos',
        '--model',
        SHIPPED,
        '--report',
        'page.html',
        '--overlay',
        'over',
        '--subtitles',
        'subs',
        '--csv',
        'a.csv',
        '--out-dir',
        'out',
        '--ground-truth',
        digits / 'annotations.json',
        '--no-progress',
        cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    made = {
        str(path.relative_to(tmp_path))
        for path in tmp_path.rglob('*') if path.is_file()
    }
    names = 'val_0000', 'val_0001'
    assert made == {
        'page.html', 'a.csv', 'out/predictions.json',
        *(f'over/{name}.mp4' for name in names),
        *(f'subs/{name}.srt' for name in names), *(f'out/timelines/{name}.png'
                                                   for name in names)
    }
    info = probe_video(str(digits / 'videos' / 'val_0000.mp4'))
    assert probe_video(str(tmp_path /
                           'over/val_0000.mp4')).duration == pytest.approx(
                               info.duration)
    assert 'digit 5' in (tmp_path / 'subs/val_0000.srt').read_text()
    assert 'val_0001' in (tmp_path / 'page.html').read_text()


def test_the_demo_prints_and_fails_with_a_status(trained, weights, tmp_path):
    bad = tmp_path / 'bad.npy'
    bad.write_bytes(b'no array')
    done = run_tool(
        'misc/tad_demo.py',
        feature_file(trained),
        bad,
        '--weights',
        weights,
        '--fps',
        30,
        '--score-thr',
        0.01,
        cwd=tmp_path)
    assert done.returncode == 1
    assert 'vid_006: ' in done.stdout and ' s  0.' in done.stdout
    assert done.stderr.splitlines()[-1].startswith(str(bad))
    assert not list(tmp_path.glob('[!b]*'))
    done = run_tool('misc/tad_demo.py', 'no.mp4', '--model', SHIPPED)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "FileNotFoundError: there is no file or folder 'no.mp4'")


def test_the_demo_overwrites_nothing(trained, weights, tmp_path):
    table = tmp_path / 'a.csv'
    table.write_text('mine')
    command = ('misc/tad_demo.py', feature_file(trained), '--weights', weights,
               '--fps', 30, '--csv', table)
    done = run_tool(*command)
    assert done.returncode == 1 and '--csv must be new' in done.stderr
    assert table.read_text() == 'mine'
    assert run_tool(*command, '--force').returncode == 0
    assert 'vid_006' in table.read_text()


def test_ground_truth_of_any_subset_is_shown(trained, weights, tmp_path):
    page = tmp_path / 'page.html'
    done = run_tool('misc/tad_demo.py', feature_file(trained), '--weights',
                    weights, '--fps', 30, '--report', page, '--ground-truth',
                    trained / 'annotations.json')
    assert done.returncode == 0, done.stderr
    actions = json.loads((trained / 'annotations.json').read_text())
    start = actions['database']['vid_006']['annotations'][0]['segment'][0]
    assert str(start) in page.read_text()
