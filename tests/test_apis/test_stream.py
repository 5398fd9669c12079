"""Detections of a stream are those of the whole video."""
import importlib.util
import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import load_checkpoint
from torch import nn

from dyfadet_mm.apis import DetectionStream, stream_features
from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Pyramid

ROOT = Path(__file__).resolve().parents[2]
DIGITS = ROOT / 'configs/dyfadet/dyfadet-plus_pixels_1xb8-10e_digit-streams.py'
GRID = dict(fps=10., feat_stride=5, feat_num_frames=20)
NEVER = 1e6  # seconds
SIZE = 16


def make_model(kind='DyHead', pad_to='max_seq_len', channels=6, **kwargs):
    """Three levels, windows of 16 cells, candidates of all scores."""
    options = dict(num_bins=4) if 'Trident' in kind else {}
    postprocessor = dict(score_thr=0.01, pre_nms_topk=None)
    postprocessor.update(kwargs.pop('postprocessor', dict(nms=dict(
        max_num=10**6))))  # yapf: disable
    model = MODELS.build(
        dict(
            dict(
                type='dyfadet_mm.SingleStageTAD',
                data_preprocessor=dict(
                    type='dyfadet_mm.TADDataPreprocessor',
                    max_seq_len=SIZE,
                    size_divisor=4,
                    pad_to=pad_to),
                backbone=dict(
                    type='dyfadet_mm.DynEBackbone',
                    in_channels=channels,
                    embed_channels=16,
                    arch=(1, 0, 2),
                    factor=1.5,
                    mlp_channels=16),
                neck=dict(type='dyfadet_mm.IdentityFPN'),
                head=dict(
                    type=f'dyfadet_mm.{kind}',
                    num_classes=3,
                    feat_channels=16,
                    regression_ranges=[(0, 4), (4, 8), (8, 1e4)],
                    **options),
                postprocessor=dict(
                    type='dyfadet_mm.SegmentPostprocessor', **postprocessor),
                window=dict(size=SIZE, overlap=0.5)), **kwargs))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                weight.normal_(0, weight[0].numel()**-0.5)
            elif 'gate' in name:  # open, or all cells look alike
                weight.fill_(3.)
        model.head.conv_reg.bias.fill_(1.)
        model.head.conv_cls.weight.mul_(2)
        model.head.conv_cls.bias.fill_(-3.)
    return model.eval()


def make_feats(length, channels=6):
    generator = torch.Generator().manual_seed(length)
    return torch.randn(channels, length, generator=generator)


def predict(model, feats, fps=10., feat_stride=5, feat_num_frames=20):
    """Rows of (start, end, score, label), by ``model.predict``."""
    frames = (feats.shape[1] - 1) * feat_stride + feat_num_frames
    sample = ActionDataSample(
        metainfo=dict(
            video_id='v',
            duration=frames / fps,
            fps=fps,
            feat_stride=feat_stride,
            feat_num_frames=feat_num_frames))
    [sample] = model.test_step(
        dict(inputs=[torch.as_tensor(feats)], data_samples=[sample]))
    found = sample.pred_instances
    return np.column_stack((found.segments, found.scores, found.labels))


def rows_of(detections):
    return np.array([(*each.segment, each.score, each.label)
                     for each in detections]).reshape(-1, 4)


def assert_same(ours, theirs, atol=1e-4):
    """As sets: where scores are equal, rounding decides what comes first."""
    assert ours.shape == theirs.shape and len(ours) > 0
    distance = np.abs(ours[:, None] - theirs[None]).max(2)
    assert distance.min(0).max() < atol and distance.min(1).max() < atol


@pytest.mark.parametrize('pad_to', ['max_seq_len', 'divisor'])
@pytest.mark.parametrize('head', ['DyHead', 'DyTridentHead'])
def test_equal_to_the_whole_video_however_it_comes(head, pad_to):
    """Below a window, one, a cell more, and windows that do not fit."""
    model = make_model(head, pad_to)
    for length in (SIZE - 1, SIZE, SIZE + 1, 61):
        feats = make_feats(length)
        sizes = {1, 7, SIZE, length} if length == 61 else {7, length}
        streams = [
            list(
                stream_features(
                    model,
                    feats.split(size, 1),
                    max_wait=NEVER,
                    margin=SIZE,
                    **GRID)) for size in sizes
        ]
        assert all(stream == streams[0] for stream in streams)
        assert all(each.exact for each in streams[0])
        assert_same(rows_of(streams[0]), predict(model, feats))


@pytest.mark.parametrize('kwargs', [
    dict(window=dict(size=10, overlap=0.8)),
    dict(window=dict(size=23, overlap=0)),
    dict(postprocessor=dict(nms=None)),
    dict(
        postprocessor=dict(
            nms=dict(method='hard', iou_threshold=0.4, max_num=10**6))),
    dict(
        postprocessor=dict(
            voting_thr=0.7,
            voting_by_iou=True,
            nms=dict(class_wise=False, max_num=10**6))),
])
def test_equal_for_any_windows_and_suppression(kwargs):
    model, feats = make_model(**kwargs), make_feats(75)
    found = list(
        stream_features(model, [feats], max_wait=NEVER, margin=SIZE, **GRID))
    assert_same(rows_of(found), predict(model, feats))


def test_detections_come_before_the_end_and_in_the_stated_time():
    model, feats = make_model(), make_feats(300)
    stream = DetectionStream(model, score_thr=0.3, max_wait=5., **GRID)
    # 16 + 8 cells of half a second; the window of a cell is 2 seconds
    assert stream.delay == pytest.approx((23 * 5 + 10) / 10)
    found, seen = [], 0.
    for cell in feats.split(1, 1):
        fresh = stream.push(cell)
        seen = (stream.num_cells - 1) * 0.5 + 2
        assert all(each.at == pytest.approx(seen) for each in fresh)
        found += fresh
    assert max(each.at for each in found) > 140
    for each in found:
        late = each.at - each.segment[1]
        assert late <= stream.delay + stream.max_wait + 1e-6
    rest = stream.close()
    assert all(each.score > 0.3 for each in found + rest)
    assert len(rest) < len(found) / 5
    times = [each.at for each in found + rest]
    assert times == sorted(times)


def test_limits_of_predict_leave_out_what_a_stream_gives():
    """max_num: the best of the stream; pre_nms_topk: of every window."""
    model = make_model(postprocessor=dict(nms=dict(max_num=20)))
    feats = make_feats(120)
    found = rows_of(
        stream_features(model, [feats], max_wait=NEVER, margin=SIZE, **GRID))
    best = found[np.argsort(-found[:, 2])[:20]]
    assert len(found) > 40
    assert_same(best, predict(model, feats))
    model.postprocessor.pre_nms_topk = 5
    fewer = rows_of(
        stream_features(model, [feats], max_wait=NEVER, margin=SIZE, **GRID))
    assert len(predict(model, feats)) <= 15 < len(fewer) < len(found)


def test_a_chunk_that_is_wrong_is_refused_and_can_be_sent_again():
    model, feats = make_model(), make_feats(40)
    stream = DetectionStream(model, max_wait=NEVER, margin=SIZE, **GRID)
    found = stream.push(feats[:, :20])
    damaged = feats[:, 20:].clone()
    damaged[4, 3:] = float('nan')
    with pytest.raises(
            ValueError, match=r'cell 23 \(12\.500 s\) has nan in channel 4'):
        stream.push(damaged)
    with pytest.raises(
            ValueError, match=r'begins at cell 20 must be \(6, n\), but are'):
        stream.push(feats[:5, 20:])
    found += stream.push(feats[:, 20:]) + stream.push(feats[:, :0])
    assert_same(rows_of(found + stream.close()), predict(model, feats))
    assert stream.close() == []
    with pytest.raises(RuntimeError, match='has been closed'):
        stream.push(feats)


def test_rows_of_cells_and_arrays_that_are_used_again():
    """(n, C) as files have it, float16, in the memory of the last chunk."""
    model, feats = make_model(), make_feats(40).half()
    buffer = np.empty((8, 6), np.float16)

    def chunks():
        for chunk in feats.T.split(8):
            buffer[:] = chunk
            yield buffer

    found = stream_features(
        model,
        chunks(),
        channels_first=False,
        max_wait=NEVER,
        margin=SIZE,
        **GRID)
    assert_same(rows_of(found), predict(model, feats))


def test_an_empty_stream_has_no_detections():
    assert list(stream_features(make_model(), [], **GRID)) == []


@pytest.mark.parametrize('change, words', [
    (dict(fps=0.), 'fps must be positive, but got 0'),
    (dict(margin=-1), 'margin must be at least 0, but got -1'),
    (dict(max_wait=float('nan')), 'max_wait must be a finite number'),
    (dict(window=dict(size=3)), 'size of window must be at least'),
])
def test_numbers_out_of_range_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        DetectionStream(make_model(), **dict(GRID, **change))


def test_models_that_need_the_whole_video_are_refused():
    model = make_model()
    model.score_fusion = object()
    with pytest.raises(ValueError, match='score_fusion must be None'):
        DetectionStream(model, **GRID)
    with pytest.raises(ValueError, match='call model.eval()'):
        DetectionStream(make_model().train(), **GRID)


def test_weights_that_are_not_finite_are_named_by_their_cells():
    model = make_model()
    with torch.no_grad():
        model.head.conv_cls.weight.fill_(float('nan'))
    with pytest.raises(ValueError, match='cells 0 to 15 of the stream'):
        DetectionStream(model, **GRID).push(make_feats(20))


class Strided(nn.Module):
    """An encoder that takes no time: level l has every 2^l-th cell."""

    in_channels = 2

    def forward(self, inputs, cells):
        return Pyramid.of([inputs[..., ::2**level] for level in range(3)],
                          cells)


def test_ten_hours_need_the_memory_of_two_windows():
    """270,000 cells of 4 frames; windows of 2,048."""
    head = dict(
        type='dyfadet_mm.ConvHead',
        kernel_size=1,
        num_classes=3,
        in_channels=2,
        feat_channels=4,
        regression_ranges=[(0, 4), (4, 8), (8, 1e4)])
    model = make_model(
        backbone=dict(type=Strided),
        neck=None,
        head=head,
        window=dict(size=2048, overlap=0.25))
    feats = make_feats(2048, 2)
    most = []
    stream = DetectionStream(
        model,
        fps=30.,
        feat_stride=4,
        feat_num_frames=16,
        score_thr=0.635,
        max_pending=2000)
    num, last = 0, 0.
    for _ in itertools.repeat(None, 132):
        for each in stream.push(feats):
            num, last = num + 1, each.segment[1]
        most.append(stream.num_candidates)
    assert stream.num_cells == 132 * 2048 > 270_000
    assert last > 35_000 and num > 500
    assert stream._cells.numel() == 2 * 2048
    assert max(most) <= 4000
    assert max(most[100:]) < 1.1 * max(most[:20])  # it does not grow


@pytest.fixture(scope='module')
def digits(tmp_path_factory):
    """Eight streams of digits, one behind the other, (T, 64)."""
    pytest.importorskip('sklearn')
    folder = tmp_path_factory.mktemp('digits') / 'data'
    spec = importlib.util.spec_from_file_location(
        'digit_streams', ROOT / 'tools/dataset_converters/digit_streams.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    tool.make_data_set(str(folder), tool.Settings(train=0, val=8))
    files = sorted(folder.glob('features/*.npy'))
    return np.concatenate([np.load(file) for file in files])


@pytest.fixture(scope='module')
def shipped():
    """The weights of the package, for long videos."""
    cfg = Config.fromfile(DIGITS)
    cfg.model.window = dict(size=256, overlap=0.5)
    with DefaultScope.overwrite_default_scope('dyfadet_mm'):
        model = MODELS.build(cfg.model)
    load_checkpoint(model, 'dyfadet://digit-streams', 'cpu')
    return model.eval()


SECONDS = dict(fps=1., feat_stride=1, feat_num_frames=1)


def test_shipped_weights_on_a_stream_of_digits(digits, shipped):
    feats = torch.from_numpy(digits).T.float()
    found = list(
        stream_features(shipped, feats.split(50, 1), score_thr=0.3, **SECONDS))
    expected = predict(shipped, feats, **SECONDS)
    expected = expected[expected[:, 2] > 0.3]
    assert len(expected) > 10 and all(each.exact for each in found)
    assert_same(rows_of(found), expected, atol=1e-3)
    assert np.mean([each.at < len(digits) for each in found]) > 0.5


def run_tool(feats, *args):
    """Lines, and what is said about an error, of features in a pipe."""
    done = subprocess.run([
        sys.executable, ROOT / 'tools/misc/stream_detect.py', DIGITS,
        'dyfadet://digit-streams', '--fps=1', '--score-thr=0.3', *args
    ],
                          input=feats,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    return done.stdout.decode().splitlines(), done


def test_a_pipe_gives_lines(digits, shipped):
    lines, done = run_tool(digits.astype('<f4').tobytes(), '--window=256')
    assert done.returncode == 0, done.stderr
    found = list(map(json.loads, lines))
    expected = list(
        stream_features(
            shipped, [digits.T.astype('f4')], score_thr=0.3, **SECONDS))
    assert len(found) == len(expected) > 10
    for line, each in zip(found, expected):
        assert line['segment'] == pytest.approx(each.segment, abs=2e-3)
        assert line['label'] == f'digit {each.label}'
        assert line['at'] == each.at and line['exact'] is True


def test_lines_come_while_the_pipe_is_open(digits):
    command = [
        sys.executable, ROOT / 'tools/misc/stream_detect.py', DIGITS,
        'dyfadet://digit-streams', '--fps=1', '--score-thr=0.3'
    ]
    with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(digits[:900].astype('<f4').tobytes())
        process.stdin.flush()
        assert json.loads(process.stdout.readline())['at'] <= 900
        process.stdin.close()
        assert process.stdout.read()
    assert process.returncode == 0


@pytest.mark.parametrize('feats, words', [
    (bytes(258), 'must end with a whole cell of 256 bytes, but 2 bytes'),
    (np.full((3, 64), np.nan, '<f4').tobytes(), 'cell 0 (0.500 s) has nan'),
])
def test_a_damaged_pipe_is_one_line(feats, words):
    lines, done = run_tool(feats)
    error = done.stderr.decode().strip().splitlines()[-1]
    assert done.returncode == 1 and error.startswith('ValueError: features')
    assert words in error
