"""Operations of a model, beside PyTorch's own count."""
import importlib.util
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from torch.utils.flop_counter import FlopCounterMode

from dyfadet_mm.models.layers import ChannelLayerNorm
from dyfadet_mm.models.layers.bricks import MaskedGroupNorm
from dyfadet_mm.registry import MODELS

ROOT = Path(__file__).resolve().parents[2]
CONFIG = str(ROOT / 'configs/dyfadet/dyfadet_custom.py')
TINY = {
    'width': 16,
    'max_seq_len': 64,
    'feat_dim': 8,
    'model.backbone.mlp_channels': 16,
    'model.backbone.arch': (1, 1, 1),
    'model.head.num_layers': 2,
    'model.head.regression_ranges': [(0, 4), (4, 1e4)]
}
OPTIONS = [f'{key}={value}'.replace(' ', '') for key, value in TINY.items()]


@pytest.fixture(autouse=True)
def same_level():
    """The tool makes the log quiet, for its own process."""
    level = MMLogger.get_current_instance().level
    yield
    MMLogger.get_current_instance().setLevel(level)


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location(
        'get_flops', ROOT / 'tools/analysis_tools/get_flops.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build(options):
    cfg = Config.fromfile(CONFIG)
    cfg.merge_from_dict(options)
    with DefaultScope.overwrite_default_scope('dyfadet_mm'):
        model = MODELS.build(cfg.model)
    model.init_weights()
    return model.eval()


@pytest.mark.parametrize('init_std', [0., 0.1], ids=['dead', 'live'])
def test_operations_are_those_that_pytorch_counts(tool, init_std, monkeypatch):
    options = {**TINY, 'model.backbone.init_std': init_std}
    shape, found = tool.count(CONFIG, (2, 8, 96), options)
    assert shape == (2, 8, 96)
    model = build(options)
    for name in ('ops.conv1d', 'ops.gated_taps'):
        # a trace is of the plain forms
        module = importlib.import_module(f'dyfadet_mm.{name}')
        monkeypatch.setattr(module, 'is_traced', lambda: True)
    normed = []
    for module in model.modules():
        if isinstance(module, (ChannelLayerNorm, MaskedGroupNorm)):
            module.register_forward_hook(
                lambda module, args, out: normed.append(out.numel()))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.randn(shape))
    # PyTorch counts no norms, MMEngine 5 operations for each number
    assert found['flops'] == counter.get_total_flops() / 2 + 5 * sum(normed)
    assert found['params'] == sum(x.numel() for x in model.parameters())


@pytest.mark.parametrize('shape, sizes', [((), (1, 8, 64)),
                                          ((96, ), (1, 8, 96)),
                                          ((8, 96), (1, 8, 96))])
def test_shape_is_completed_by_the_config(tool, shape, sizes):
    assert tool.input_shape(build(TINY), shape) == sizes


@pytest.mark.parametrize('shape', [(1, 2, 8, 96), (0, ), (8, -1)])
def test_other_shapes_are_refused(tool, shape):
    with pytest.raises(ValueError, match='must be T, or C T, or B C T'):
        tool.input_shape(build(TINY), shape)


def test_the_table_is_printed(tool, monkeypatch, capsys):
    monkeypatch.setattr(
        'sys.argv',
        ['get_flops.py', CONFIG, '--length', '96', '--cfg-options', *OPTIONS])
    tool.main()
    out = capsys.readouterr().out
    assert 'backbone.embed.0' in out and 'head.cls_tower' in out
    assert 'Input shape: (1, 8, 96)\nFlops: ' in out


def test_wrong_channels_are_one_line(tool, monkeypatch):
    monkeypatch.setattr('sys.argv', [
        'get_flops.py', CONFIG, '--shape', '9', '96', '--cfg-options', *OPTIONS
    ])
    with pytest.raises(SystemExit, match='features must have 8 channels'):
        tool.main()
