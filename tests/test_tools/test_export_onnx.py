"""The network as a file: onnxruntime detects what PyTorch detects."""
import importlib.util
import logging
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from dyfadet_mm.conversion import convert_config, convert_state_dict
from dyfadet_mm.models import DynELayer, SegmentCoder
from dyfadet_mm.models.detectors.windows import SlidingWindows
from dyfadet_mm.registry import MODELS

pytest.importorskip('onnxscript')
from dyfadet_mm.apis import OnnxDetector  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
DIGITS = ROOT / 'configs/dyfadet/dyfadet-plus_pixels_1xb8-10e_digit-streams.py'
GRID = dict(fps=30., feat_stride=4, feat_num_frames=16)


@pytest.fixture(autouse=True, scope='module')
def no_traces():
    """PyTorch logs all that it does, and with each operation who called it."""
    logging.disable(logging.DEBUG)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.fx.config, 'do_not_emit_stack_traces', True)
        yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location(
        'export_onnx', ROOT / 'tools/deployment/export_onnx.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def golden(name):
    """A recorded model, its config, and its videos with their metainfo."""
    found = torch.load(
        ROOT / f'tests/data/golden/{name}.pt', weights_only=True)
    cfg = convert_config(found['config'])
    with DefaultScope.overwrite_default_scope('dyfadet_mm'):
        model = MODELS.build(cfg)
    model.load_state_dict(convert_state_dict(found['state_dict']))
    videos = [*found['inputs'], found['long']]
    return model.eval(), Config(dict(model=cfg)), [
        (x['feats'].numpy(), dict(GRID, duration=x['duration']))
        for x in videos
    ]


def assert_detects_the_same(detector, model, feats, metainfo):
    from mmaction.structures import ActionDataSample
    sample = ActionDataSample(metainfo=dict(metainfo, video_id='v'))
    [sample] = model.test_step(
        dict(inputs=[torch.from_numpy(feats)], data_samples=[sample]))
    ours, theirs = detector(feats, metainfo), sample.pred_instances
    assert len(ours['scores']) == len(theirs) > 0

    def rows(found):
        # in these units a difference of 1 is at the tolerance
        scales = dict(segments=1e-4, scores=1e-4, labels=1e-6)
        return torch.cat([
            torch.as_tensor(found[key]).view(len(theirs), -1) / scale
            for key, scale in scales.items()
        ], 1).double()

    # as sets: where scores are equal, rounding decides which comes first
    distance = torch.cdist(rows(ours), rows(theirs), p=float('inf'))
    assert max(distance.min(dim).values.max() for dim in (0, 1)) < 1


def test_shipped_weights_by_the_command(tool, tmp_path, monkeypatch, capsys):
    out = tmp_path / 'model.onnx'
    monkeypatch.setattr(sys, 'argv', [
        'export_onnx.py',
        str(DIGITS), 'dyfadet://digit-streams', f'--out={out}'
    ])
    tool.main()
    assert 'differ by at most' in capsys.readouterr().out
    detector = OnnxDetector(out)
    assert detector.classes == [f'digit {i}' for i in range(10)]
    assert detector.grid == dict(feat_stride=1, feat_num_frames=1)
    model, _ = tool.load_model(
        Config.fromfile(DIGITS), 'dyfadet://digit-streams')
    rng = np.random.default_rng(0)
    for length in (256, 90, 1):
        assert_detects_the_same(
            detector, model, rng.random((64, length), np.float32),
            dict(duration=length / 10, fps=10., **detector.grid))


def test_golden_weights_for_videos_of_one_length(tool, tmp_path):
    """A detector without classes, with a position encoding."""
    model, cfg, videos = golden('anet_like')
    path = str(tmp_path / 'model.onnx')
    assert tool.write(model, cfg, path) < 1e-4
    detector = OnnxDetector(path)
    *videos, (longer, metainfo) = videos
    for video in videos:
        assert_detects_the_same(detector, model, *video)
    with pytest.raises(ValueError, match='the --length of the file, but has'):
        detector(longer, metainfo)


def test_videos_of_any_length(tool, tmp_path):
    """Of a head whose classes have offsets of their own.

    The table of positions is stretched for some of them.
    """
    model = small_model(
        type='dyfadet_mm.DyTridentHead',
        num_bins=3,
        init_std=0.1,
        position=dict(type='dyfadet_mm.SinusoidPosition', max_seq_len=16))
    path = str(tmp_path / 'model.onnx')
    cfg = Config(dict(model=dict(window=None)))
    assert tool.write(model, cfg, path, dynamic=True) < 1e-4
    detector, rng = OnnxDetector(path), np.random.default_rng(0)
    for length in (16, 9, 1, 30, 101, 101):
        feats = rng.standard_normal((4, length)).astype(np.float32)
        assert_detects_the_same(detector, model, feats,
                                dict(GRID, duration=length / 2))
        if length == 101:  # and then in windows
            model.windows = detector.windows = SlidingWindows(24, stride=2)


def test_the_file_says_how_to_detect(tool):
    window = dict(size=24, overlap=0.25)
    cfg = Config.fromfile(DIGITS)
    cfg.merge_from_dict({'model.window': window, 'fps': 25})
    model = small_model(window=window)
    facts = tool.facts_of(model, cfg, ('a', 'b'))
    assert facts['window'] == window and facts['classes'] == ['a', 'b']
    assert facts['grid'] == dict(fps=25, feat_stride=1, feat_num_frames=1)
    assert facts['postprocessor']['nms']['sigma'] == 0.5
    assert facts['data_preprocessor'] == dict(
        max_seq_len=16,
        size_divisor=4,
        pad_to='max_seq_len',
        padding='published')


class Asks(DynELayer):
    """A layer of a user's that reads a value."""

    def forward(self, x, cells):
        return super().forward(x, cells) if x.sum() > 0 else x


class ReadsLengths(DynELayer):

    def forward(self, x, cells):
        return super().forward(x, cells) * max(cells.lengths)


class ByLength(DynELayer):

    def forward(self, x, cells):
        y = super().forward(x, cells)
        return y if x.size(2) == 16 else 2 * y


class NoForm(DynELayer):

    def forward(self, x, cells):
        return super().forward(x, cells) + torch.special.bessel_j0(x[..., ::2])


def small_model(layer=None, init_std=0., window=None, position=None, **head):
    """Two levels; ``layer`` takes the place of a good one."""
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='dyfadet_mm.SingleStageTAD',
            data_preprocessor=dict(
                type='dyfadet_mm.TADDataPreprocessor',
                max_seq_len=16,
                size_divisor=4),
            backbone=dict(
                type='dyfadet_mm.DynEBackbone',
                in_channels=4,
                embed_channels=16,
                arch=(1, 1, 1),
                init_std=init_std,
                position=position),
            window=window,
            head=dict(
                dict(
                    type='dyfadet_mm.ConvHead',
                    num_classes=2,
                    in_channels=16,
                    feat_channels=4,
                    num_layers=1,
                    regression_ranges=[(0, 4), (4, 1e4)]), **head)))
    if layer is not None:
        model.backbone.branch[0] = layer(16, stride=2)
    with torch.no_grad():  # candidates of all lengths and scores
        model.head.conv_reg.bias.fill_(2.)
        model.head.conv_cls.bias.fill_(-1.)
    return model.eval()


@pytest.mark.parametrize('layer, reason', [
    (Asks, 'must be a graph of tensors'),
    (ReadsLengths, 'lengths of videos must not decide'),
])
def test_layers_that_break_the_graph_are_named(tool, layer, reason):
    with pytest.raises(
            tool.ExportError,
            match=rf"layer 'backbone.branch.0' \({layer.__name__}\).*{reason}"
    ) as info:
        tool.export(small_model(layer), 16)
    assert '\n' not in str(info.value)


def test_operations_without_a_form_in_onnx_are_named(tool):
    with pytest.raises(
            tool.ExportError,
            match="of layer 'backbone.branch.0' has no form in ONNX"):
        tool.export(small_model(NoForm), 16)


def test_layers_that_differ_with_the_length_are_not_dynamic(tool):
    with pytest.raises(tool.ExportError, match='same for any.*--length'):
        tool.export(small_model(ByLength), 16, dynamic=True)


def test_coders_that_the_decoder_does_not_know_are_refused(tool):

    class Other(SegmentCoder):
        pass

    model = small_model()
    model.head.coder = Other()
    with pytest.raises(tool.ExportError, match='must be a SegmentCoder'):
        tool.export(model, 16)


def test_points_that_the_decoder_does_not_know_are_refused(tool):
    model = small_model()
    model.head.points.offset = -0.5
    with pytest.raises(tool.ExportError, match='point_offset .* is -0.5'):
        tool.export(model, 16)


def test_lengths_that_padding_does_not_give_are_refused(tool, tmp_path):
    for length, nearest in ((8, 16), (17, 20)):
        with pytest.raises(
                tool.ExportError, match=f'got {length}; set it to {nearest}'):
            tool.write(small_model(), Config(), str(tmp_path / 'x.onnx'),
                       length)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope='module')
def written(tool, tmp_path_factory):
    """The file of a small model."""
    path = str(tmp_path_factory.mktemp('written') / 'x.onnx')
    tool.write(small_model(), Config(dict(model=dict())), path)
    return path


def test_a_file_that_computes_other_numbers_is_not_kept(
        tool, tmp_path, monkeypatch, written):

    class Program:
        model = types.SimpleNamespace(metadata_props={})

        def save(self, path):
            shutil.copy(written, path)

    monkeypatch.setattr(tool, 'export', lambda *args: Program())
    model = small_model()
    with torch.no_grad():
        model.head.conv_cls.bias += 0.01
    with pytest.raises(tool.ExportError, match='must be those of PyTorch'):
        tool.write(model, Config(dict(model=dict())), str(tmp_path / 'x.onnx'))
    assert not list(tmp_path.iterdir())


def test_other_files_and_features_are_refused(written, tmp_path):
    import onnx
    detector = OnnxDetector(written)
    for shape in ((5, 16), (4, 0), (4, ), (1, 4, 16)):
        with pytest.raises(ValueError, match=r'features must be \(4, T\)'):
            detector.run(np.zeros(shape, np.float32))
    with pytest.raises(KeyError, match="'fps'"):
        detector(np.zeros((4, 16), np.float32), dict(duration=1.))
    loaded, path = onnx.load(written), str(tmp_path / 'x.onnx')
    del loaded.metadata_props[:]
    onnx.save(loaded, path)
    with pytest.raises(
            ValueError, match="must have the metadata 'dyfadet_mm'"):
        OnnxDetector(path)
