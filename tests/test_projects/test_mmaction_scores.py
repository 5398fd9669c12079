"""Videos to scores to labelled detections, and BMN beside DyFADet."""
import importlib.util
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.structures import InstanceData

from dyfadet_mm.models.postprocessors import ScoreFusion
from dyfadet_mm.registry import DATASETS, MODELS

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / 'projects/mmaction_scores'
SHARED = ROOT / '../shared/data/videos'
CLASSES = ('run', 'jump')  # of the recognizer; the annotations sort them
FPS = 10
RECOGNIZER = '''
model = dict(
    type='Recognizer2D',
    backbone=dict(  # the first stage
        type='ResNet', depth=18, num_stages=1, strides=(1, ), dilations=(1, ),
        out_indices=(0, ), pretrained=None, norm_eval=False),
    cls_head=dict(type='TSNHead', num_classes=2, in_channels=64,
                  average_clips='prob'),
    data_preprocessor=dict(
        type='ActionDataPreprocessor', mean=[128.] * 3, std=[58.] * 3,
        format_shape='NCHW'))
test_pipeline = [
    dict(type='DecordInit'),
    dict(type='SampleFrames', clip_len=1, frame_interval=1, num_clips=3,
         test_mode=True),
    dict(type='DecordDecode'),
    dict(type='Resize', scale=(-1, 32)),
    dict(type='CenterCrop', crop_size=32),
    dict(type='FormatShape', input_format='NCHW'),
    dict(type='PackActionInputs')]
'''


@pytest.fixture(autouse=True)
def on_path(monkeypatch):
    """As with PYTHONPATH=. in the clone."""
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.syspath_prepend(PROJECT / 'tools')


def load_tool(path):
    """Import a script, which is in no package."""
    spec = importlib.util.spec_from_file_location(f'own_{path.stem}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tool():
    return load_tool(PROJECT / 'tools/recognizer_scores.py')


def write_video(path, seed, num_frames=24):
    """Write frames that change slowly from one pattern to another."""
    rng = np.random.default_rng(seed)
    first, last = rng.integers(0, 256, (2, 6, 8, 3))
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter_fourcc(*'mp4v'), FPS, (64, 48))
    for share in np.linspace(0, 1, num_frames):
        frame = ((1 - share) * first + share * last).astype(np.uint8)
        writer.write(cv2.resize(frame, (64, 48)))
    writer.release()


def write_data_set(folder):
    """6 videos of 60 cells, two of them for validation, and their videos."""
    rng = np.random.default_rng(0)
    (folder / 'features').mkdir()
    (folder / 'videos').mkdir()
    database = {}
    for index in range(6):
        subset = 'validation' if index < 2 else 'training'
        name = f'{subset}_{index}'
        feats = rng.standard_normal((60, 16)).astype(np.float32)
        np.save(folder / f'features/{name}.npy', feats)
        actions = [
            dict(segment=[5. + index, 20. + index], label=CLASSES[index % 2]),
            dict(segment=[30., 52.], label=CLASSES[(index + 1) % 2])
        ]
        database[name] = dict(
            subset=subset, duration=60., fps=FPS, annotations=actions)
        write_video(folder / f'videos/v_{name}.mp4', index)
    (folder / 'annotations.json').write_text(
        json.dumps(dict(database=database)))
    (folder / 'classes.txt').write_text('\n'.join(CLASSES) + '\n')


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """Folder with a data set and a recognizer."""
    from mmaction.apis import init_recognizer
    folder = tmp_path_factory.mktemp('mmaction_scores')
    write_data_set(folder)
    config = folder / 'tsn_r18.py'
    config.write_text(RECOGNIZER)
    torch.manual_seed(0)
    model = init_recognizer(str(config), device='cpu')
    torch.nn.init.normal_(model.cls_head.fc_cls.weight, std=0.3)
    torch.save(dict(state_dict=model.state_dict()), folder / 'tsn_r18.pth')
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """A copy that a test may change."""
    for name in ('videos', 'features'):
        (tmp_path / name).mkdir()
        for file in (made / name).iterdir():
            (tmp_path / name / file.name).write_bytes(file.read_bytes())
    for file in made.glob('*.*'):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def command(folder, *more, videos='videos', checkpoint='tsn_r18.pth'):
    """Arguments of the tool."""
    return [
        str(folder / 'tsn_r18.py'),
        str(folder / checkpoint),
        str(folder / videos), f'--classes={folder / "classes.txt"}',
        f'--out={folder / "scores.json"}', '--device=cpu', *more
    ]


def run(tool, *args, **kwargs):
    """Run the tool in this process; returns what it printed last."""
    return tool.run(tool.parse_args(command(*args, **kwargs)))


def reference(folder, path):
    """Scores by MMAction2's own inference."""
    from mmaction.apis import inference_recognizer, init_recognizer
    model = init_recognizer(
        str(folder / 'tsn_r18.py'), str(folder / 'tsn_r18.pth'), device='cpu')
    return inference_recognizer(model, str(path)).pred_score.numpy()


def results_of(folder):
    return json.loads((folder / 'scores.json').read_text())['results']


def test_scores_are_those_of_mmaction(tool, folder):
    report = run(tool, folder, f'--annotations={folder / "annotations.json"}',
                 '--subset=validation')
    assert report == f'scores of 2 videos in {folder / "scores.json"}'
    found = results_of(folder)
    assert list(found) == ['validation_0', 'validation_1']
    assert found['validation_0'] != found['validation_1']
    for name, scores in found.items():
        expected = reference(folder, folder / f'videos/v_{name}.mp4')
        assert np.allclose(scores, expected, rtol=1e-5)
    # the fusion orders them as the data set has its classes
    fusion = ScoreFusion(str(folder / 'scores.json'))
    fusion.bind(('jump', 'run'), list(found))
    scores = fusion.class_scores('validation_1').tolist()
    assert scores == pytest.approx(found['validation_1'][::-1])
    assert not list(folder.glob('*.partial*'))


def test_whole_folder_with_opencv_in_workers(tool, folder):
    run(tool, folder, '--num-workers=2', '--cfg-options',
        'test_pipeline.0.type=OpenCVInit', 'test_pipeline.2.type=OpenCVDecode')
    found = results_of(folder)
    assert len(found) == 6 and list(found) == sorted(found)
    expected = reference(folder, folder / 'videos/v_training_3.mp4')
    assert np.allclose(found['v_training_3'], expected, rtol=0.02)


@pytest.mark.skipif(not SHARED.is_dir(), reason='needs the real videos')
def test_real_videos(tool, folder):
    names = ('HighJump', 'TennisSwing')
    (folder / 'classes.txt').write_text('\n'.join(names))
    run(tool,
        folder,
        f'--annotations={SHARED / "annotations.json"}',
        videos=SHARED)
    found = results_of(folder)
    assert set(found) == {'highjump', 'tennis26'}
    for name, scores in found.items():
        expected = reference(folder, SHARED / f'{name}.mp4')
        assert np.allclose(scores, expected, rtol=1e-5)


def test_goes_on_after_an_interruption(tool, folder):
    videos = folder / 'videos'
    run(tool, folder)
    expected = results_of(folder)
    good = (videos / 'v_training_4.mp4').read_bytes()
    (videos / 'v_training_4.mp4').write_bytes(b'no video')
    with pytest.raises(ValueError, match='cannot read .*v_training_4.mp4'):
        run(tool, folder, '--force')
    assert results_of(folder) == expected  # replaced by a complete one only
    # what is done is not opened again, and half a line is no score
    with open(folder / 'scores.json.partial', 'a') as file:
        file.write('["v_training_4", [0.1')
    (videos / 'v_training_2.mp4').write_bytes(b'no video')
    (videos / 'v_training_4.mp4').write_bytes(good)
    (folder / 'scores.json').unlink()
    run(tool, folder)
    assert results_of(folder) == expected


def test_unreadable_videos_are_left_out_on_demand(tool, folder):
    (folder / 'videos/v_training_4.mp4').write_bytes(b'no video')
    report = run(tool, folder, '--skip-unreadable')
    assert 'scores of 5 videos' in report
    assert 'left out:' in report and 'v_training_4.mp4' in report
    assert 'v_training_4' not in results_of(folder)


def test_nothing_is_overwritten(tool, folder):
    (folder / 'scores.json').write_text('mine')
    with pytest.raises(FileExistsError, match='scores.json.* --force'):
        run(tool, folder)
    assert (folder / 'scores.json').read_text() == 'mine'


def test_scores_of_other_weights_are_not_mixed(tool, folder):
    (folder / 'videos/v_validation_1.mp4').write_bytes(b'no video')
    with pytest.raises(ValueError, match='cannot read video'):
        run(tool, folder)
    weights = torch.load(folder / 'tsn_r18.pth', weights_only=True)
    weights['state_dict']['cls_head.fc_cls.bias'] += 1
    torch.save(weights, folder / 'tsn_r18.pth')
    with pytest.raises(ValueError, match='made with the same recognizer'):
        run(tool, folder)


class Code:
    """An object whose unpickling would run code."""

    def __reduce__(self):
        return print, ('code', )


def change_classes(folder):
    (folder / 'classes.txt').write_text('run\njump\nswim\n')


def change_weights(folder):
    weights = torch.load(folder / 'tsn_r18.pth', weights_only=True)
    weights['state_dict']['cls_head.fc_cls.weight'] = torch.zeros(3, 64)
    torch.save(weights, folder / 'tsn_r18.pth')


def lose_a_weight(folder):
    weights = torch.load(folder / 'tsn_r18.pth', weights_only=True)
    del weights['state_dict']['cls_head.fc_cls.weight']
    torch.save(weights, folder / 'tsn_r18.pth')


def put_code(folder):
    (folder / 'tsn_r18.pth').write_bytes(pickle.dumps(Code()))


def lose_a_video(folder):
    (folder / 'videos/v_training_3.mp4').unlink()


def empty_folder(folder):
    for file in (folder / 'videos').iterdir():
        file.unlink()


def two_of_a_name(folder):
    (folder / 'videos/v_training_3.avi').write_bytes(b'')


ANNOTATIONS = '--annotations={}/annotations.json'


@pytest.mark.parametrize('change, options, message', [
    (change_classes, [], 'must be the 2 of the recognizer.*but are 3'),
    (change_classes, [ANNOTATIONS],
     "classes .*classes.txt' must name the 2 classes.*'swim'"),
    (change_weights, [], 'tsn_r18.pth.* weights of the config.*fc_cls'),
    (lose_a_weight, [], 'tsn_r18.pth.* weights of the config.*fc_cls'),
    (put_code, [], 'tsn_r18.pth'),
    (lose_a_video, [ANNOTATIONS], "all 6 videos.*lacks 1.*'training_3'"),
    (empty_folder, [], "videos' must hold videos.*holds none"),
    (two_of_a_name, [], 'different names.*v_training_3'),
    (None, ['--cfg-options', 'test_pipeline.0.type=SampleFrames'
            ], "test_pipeline .* begins with 'SampleFrames'"),
    (None, ['--cfg-options', 'model.cls_head.average_clips=None'
            ], 'average_clips=prob'),
])
def test_errors_say_what_is_wrong(tool, folder, change, options, message):
    if change is not None:
        change(folder)
    options = [each.format(folder) for each in options]
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        run(tool, folder, *options)
    assert not (folder / 'scores.json').exists()


def small_options(folder):
    """Options that fit a recipe for own data to the data set."""
    return [
        f'data_root={folder}/', 'feat_dim=16', f'feat_stride={FPS}',
        f'feat_num_frames={FPS}', 'batch_size=2', 'max_epochs=2',
        'default_hooks.checkpoint=None', 'train_cfg.val_interval=2'
    ]


DYFADET = [
    'width=16', 'max_seq_len=64', 'warmup_epochs=1',
    'model.backbone.mlp_channels=16', 'model.postprocessor.score_thr=0.'
]
BMN = [
    'max_seq_len=16', 'model.bmn.num_samples=4',
    'model.bmn.post_process_top_k=7'
] + [f'model.bmn.hidden_dim_{n}d=8' for n in (1, 2, 3)]


def train_and_test(folder, name, *options):
    """Train a recipe, test it as the scripts do; the metrics."""
    train = load_tool(ROOT / 'tools/train.py')
    path = PROJECT / f'configs/{name}.py'
    args = train.parse_args([
        str(path), f'--work-dir={folder / "work"}', '--seed=0',
        '--cfg-options', *small_options(folder), *options
    ])
    cfg = train.merge_args(Config.fromfile(path), args)
    load_tool(ROOT / 'tools/test.py').write_predictions(
        cfg, str(folder / 'out.json'))
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.iter == 4
    return runner.test()


PROPOSAL_METRICS = {f'tad/AR@{n}' for n in (1, 5, 10, 100)} | {'tad/AUC'}


def test_videos_to_labelled_detections(folder):
    """The commands of the README, on a small data set."""
    done = subprocess.run([
        sys.executable,
        str(PROJECT / 'tools/recognizer_scores.py'),
        *command(folder, '--subset', 'validation',
                 f'--annotations={folder / "annotations.json"}')
    ],
                          capture_output=True,
                          text=True,
                          env=dict(os.environ, PYTHONPATH=str(ROOT)))
    assert done.returncode == 0, done.stderr[-2000:]
    metrics = train_and_test(folder, 'dyfadet-agnostic_custom', *DYFADET,
                             f'score_file={folder / "scores.json"}')
    assert PROPOSAL_METRICS < set(metrics)
    assert 'tad/average_mAP' in metrics
    detections = json.loads((folder / 'out.json').read_text())['results']
    for name, scores in results_of(folder).items():
        found = detections[name]
        assert {each['label'] for each in found} == set(CLASSES)
        # the best segment once per class, in the order of the scores
        best = CLASSES[int(np.argmax(scores))]
        assert found[0]['label'] == best
        twin = [
            each for each in found
            if each['segment'] == found[0]['segment'] and each['label'] != best
        ][0]
        ratio = (found[0]['score'] / twin['score'])**2
        assert ratio == pytest.approx(max(scores) / min(scores), rel=1e-3)


@pytest.mark.parametrize('fusion', [False, True])
def test_bmn_is_trained_and_measured_alike(folder, fusion):
    options = []
    if fusion:
        scores = dict(
            classes=CLASSES,
            results=dict(validation_0=[.9, .1], validation_1=[.2, .8]))
        (folder / 'scores.json').write_text(json.dumps(scores))
        options = [
            'model.score_fusion.type=ScoreFusion',
            f'model.score_fusion.score_file={folder / "scores.json"}',
        ]
    metrics = train_and_test(folder, 'bmn_custom', *BMN, *options)
    assert set(metrics) == PROPOSAL_METRICS
    detections = json.loads((folder / 'out.json').read_text())['results']
    for name, found in detections.items():
        assert 0 < len(found) <= 7 * (1 + fusion)
        assert all(0 <= each['segment'][0] < each['segment'][1] <= 60
                   for each in found)
    labels = {each['label'] for found in detections.values() for each in found}
    # without scores every label is 0, the first name of the annotations
    assert labels == (set(CLASSES) if fusion else {'jump'})


@pytest.fixture
def bmn_cfg(folder):
    """The small recipe of BMN."""
    train = load_tool(ROOT / 'tools/train.py')
    path = PROJECT / 'configs/bmn_custom.py'
    args = train.parse_args(
        [str(path), '--cfg-options', *small_options(folder), *BMN])
    return train.merge_args(Config.fromfile(path), args)


@pytest.fixture
def batch(bmn_cfg):
    """The model, MMAction2's with the same weights, and three videos."""
    import dyfadet_mm.datasets  # noqa: F401
    model = MODELS.build(dict(bmn_cfg.model, type='dyfadet_mm.BMNProposals'))
    from mmengine.registry import DefaultScope
    with DefaultScope.overwrite_default_scope('mmaction'):
        other = MODELS.build(
            dict(bmn_cfg.model.bmn, loss_cls=dict(type='BMNLoss')))
    other.load_state_dict(model.bmn.state_dict())
    with DefaultScope.overwrite_default_scope('dyfadet_mm'):
        dataset = DATASETS.build(bmn_cfg.train_dataloader.dataset)
    rows = [dataset[index] for index in range(3)]
    data = model.data_preprocessor(
        dict(
            inputs=[row['inputs'] for row in rows],
            data_samples=[row['data_samples'] for row in rows]))
    return model, other, data['inputs'], data['data_samples']


def as_mmaction(sample):
    """What MMAction2's own pipeline would hand to its BMN."""
    from mmaction.structures import ActionDataSample
    boxes = torch.as_tensor(sample.gt_segments) / sample.duration
    return ActionDataSample(
        gt_instances=InstanceData(gt_bbox=boxes.float()),
        metainfo=dict(
            video_name=sample.video_id,
            duration_second=sample.duration,
            duration_frame=int(sample.duration * sample.fps)))


def test_loss_is_that_of_mmaction(batch):
    model, other, inputs, samples = batch
    torch.manual_seed(3)  # the loss draws proposals
    ours = model(inputs, samples, mode='loss')
    torch.manual_seed(3)
    theirs = other.loss(inputs, [as_mmaction(each) for each in samples])
    assert set(ours) == set(theirs) == {'loss'}
    assert float(ours['loss'].detach()) == pytest.approx(
        float(theirs['loss'].detach()), rel=1e-5)
    assert ours['loss'] > 0.1


@torch.no_grad()
def test_proposals_are_those_of_mmaction_for_every_video(batch):
    model, other, inputs, samples = batch
    other.feature_extraction_interval = 1
    found = model(inputs, samples, mode='predict')
    for feats, sample in zip(inputs, found):
        alone = other.predict(feats[None], [as_mmaction(sample)])
        expected = alone[0]['proposal_list']
        segments = [each['segment'] for each in expected]
        ours = sample.pred_instances
        assert len(ours) == 7  # as asked, without the row too many
        assert np.allclose(ours.segments, segments, atol=1e-4)
        assert ours.scores.tolist() == pytest.approx(
            [each['score'] for each in expected])
        assert not ours.labels.any()
    first, second = (each.pred_instances.scores for each in found[:2])
    assert first.tolist() != second.tolist()


def test_loss_is_finite_without_actions_and_with_tiny_ones(batch):
    model, _, inputs, samples = batch
    samples[0].gt_instances = InstanceData(
        grid_segments=torch.zeros(0, 2),
        labels=torch.zeros(0, dtype=torch.long))
    samples[1].gt_instances.grid_segments = torch.tensor([[3.2, 3.3],
                                                          [5.1, 5.2]])
    for chosen in ([0], [1], [0, 1], [0, 1, 2]):
        loss = model(
            inputs[chosen], [samples[i] for i in chosen], mode='loss')['loss']
        loss.backward()
        assert loss.isfinite()
    assert all(p.grad.isfinite().all() for p in model.parameters()
               if p.requires_grad)


def test_other_numbers_of_cells_are_refused(batch):
    model, _, inputs, samples = batch
    with pytest.raises(ValueError, match=r'\(16, 16\), but got \(16, 9\)'):
        model(inputs[..., :9], samples, mode='loss')
