"""The benchmark on a tiny model; what it measures is never judged."""
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dyfadet_mm.structures import Padding

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / 'tools/analysis_tools'
CONFIG = str(ROOT / 'configs/dyfadet/dyfadet_custom.py')
TINY = ('--cfg-options', 'width=16', 'max_seq_len=64', 'feat_dim=8',
        'model.backbone.mlp_channels=16')


@pytest.fixture(scope='module')
def tool():
    """The script as a module; it imports others of its folder."""
    sys.path.insert(0, str(FOLDER))
    try:
        import benchmark
        yield benchmark
    finally:
        sys.path.remove(str(FOLDER))


@pytest.fixture
def prepare(tool):
    """Arguments and both variants of a command line."""

    def run(*options, cfg_options=()):
        args = tool.parse_args([CONFIG, *options, *TINY, *cfg_options])
        tool.check_args(args)
        cfg = tool.load_config(args)
        return args, [
            tool.build(name, cfg, args) for name in ('fast', 'plain')
        ]

    return run


def test_training_step_is_reported(tmp_path):
    """As a user calls it, with every process that this starts."""
    out = tmp_path / 'out.json'
    done = subprocess.run([
        sys.executable, FOLDER / 'benchmark.py', CONFIG, '--train',
        '--batch-size=2', '--repeats=2', f'--out={out}', *TINY
    ],
                          env=dict(
                              os.environ,
                              OMP_NUM_THREADS='1',
                              PYTHONWARNINGS='ignore'),
                          capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(out.read_text())
    assert report['setting']['batch_size'] == 2
    assert report['setting']['threads'] == 1
    results = report['results']
    assert set(results) == {
        'preprocessing', 'forward', 'backward + update', 'whole', 'throughput',
        'peak memory', 'operations', 'matrix rate', 'share of matrix rate'
    }
    for name, row in results.items():
        assert name in done.stdout
        assert all(
            math.isfinite(row[key]) and row[key] > 0
            for key in ('fast', 'plain'))
    for name, better in dict(whole='fast', throughput='plain').items():
        row = results[name]
        worse = 'plain' if better == 'fast' else 'fast'
        assert row['ratio'] == pytest.approx(row[worse] / row[better])
    assert 128 / results['whole']['fast'] == pytest.approx(
        results['throughput']['fast'])


def test_inference_has_all_parts_and_the_same_outputs(tool, prepare):
    args, variants = prepare('--length=96', '--valid=20', '--repeats=2')
    seconds = tool.measure_seconds(variants, args)
    for name in ('fast', 'plain'):
        assert list(seconds[name]) == [
            'preprocessing', 'encoder', 'heads', 'decode + NMS', 'forward',
            'whole'
        ]
        assert all(0 < value < math.inf for value in seconds[name].values())
        assert seconds[name]['forward'] < seconds[name]['whole']
    assert 0 < tool.largest_difference(variants, args) < 1e-4
    rows = tool.measure_flop(variants, seconds, args)
    assert all(row.values['fast'] > 0 for row in rows.values())


def test_half_precision_is_that_of_fast_alone(tool, prepare):
    args, (fast, plain) = prepare('--dtype=bfloat16')
    assert (fast.dtype, plain.dtype) == ('bfloat16', 'float32')
    assert 1e-4 < tool.largest_difference((fast, plain), args) < 1
    assert tool.largest_difference((plain, plain), args) == 0


def test_plain_keeps_the_published_padding(prepare):
    _, (fast, plain) = prepare(
        cfg_options=['model.data_preprocessor.pad_to=divisor'])
    assert fast.model.data_preprocessor.padded_len(20) == 32
    assert plain.model.data_preprocessor.padded_len(20) == 64
    assert fast.work(20) != fast.work(21)
    assert plain.work(20) == plain.work(64) != plain.work(65)
    assert plain.model.padding is Padding.PUBLISHED
    assert fast.model.padding is Padding.IGNORED


def test_plain_keeps_the_padding_of_opentad(prepare):
    _, (fast, plain) = prepare(
        cfg_options=['model.data_preprocessor.padding=opentad'])
    assert fast.model.padding is plain.model.padding is Padding.OPENTAD


def test_an_installed_wheel_has_no_plain_model(tool, monkeypatch, tmp_path):
    """Its tests are not there, which matters with --plain alone."""
    monkeypatch.setattr(sys.modules['benchmark_runs'], 'PLAIN',
                        tmp_path / 'tests/plain/__init__.py')
    with pytest.raises(
            SystemExit, match='^FileNotFoundError: --plain must .*--no-plain'):
        tool.main([CONFIG, *TINY])
    tool.check_args(tool.parse_args([CONFIG, '--no-plain']))


def test_plain_is_loaded_when_it_is_needed():
    source = (FOLDER / 'benchmark_runs.py').read_text()
    source += (FOLDER / 'benchmark.py').read_text()
    assert not re.search(r'^\s*(from|import) (plain|tests)', source, re.M)


def test_each_length_is_run_once_and_equal_work_is_shared(
        tool, prepare, tmp_path):
    path = tmp_path / 'lengths.txt'
    path.write_text('# cells\n\n10\n 20 \n30\n40\n100\n')
    args, variants = prepare(f'--lengths={path}', '--repeats=2')
    assert args.lengths == [10, 20, 30, 40, 100]
    runs = dict(fast=[], plain=[])

    def noted(variant):

        def extract_feat(inputs, cells):
            runs[variant.name].extend(cells.lengths)
            return variant.extract_feat(inputs, cells)

        return variant._replace(extract_feat=extract_feat)

    seconds = tool.measure_seconds(list(map(noted, variants)), args)
    assert sorted(runs['fast'][1:]) == args.lengths  # the first warms up
    assert len(runs['plain'][1:]) == 3 and 100 in runs['plain'][1:]
    assert all(value > 0 for value in seconds['plain'].values())


def test_ratio_says_how_many_times_better_fast_is(tool):
    for unit in ('s', 'B', 'FLOP'):
        assert tool.Row(unit, dict(fast=2., plain=6.)).ratio == 3
    assert tool.Row('cells/s', dict(fast=6., plain=2.)).ratio == 3
    assert tool.Row('share', dict(fast=1., plain=1.)).ratio is None
    assert tool.Row('s', dict(fast=2.)).ratio is None
    row = tool.Row('s', dict(fast=.002, plain=1.005))
    assert row.texts() == ['2.0 ms', '1,005.0 ms', '502.50x']


def test_shipped_lengths_are_those_of_the_test_set(tool):
    lengths = tool.read_lengths('thumos14')
    assert len(lengths) == 212
    annotations = ROOT.parent / 'shared/data/thumos14.json'
    if not annotations.exists():
        pytest.skip('needs the annotations of THUMOS14')
    database = json.loads(annotations.read_text())['database']
    assert lengths == [
        math.floor((30 * entry['duration'] - 16) / 4) + 1
        for _, entry in sorted(database.items()) if entry['subset'] == 'Test'
    ]


@pytest.mark.parametrize('text', ['', '# none\n', '12\n0\n', '12\n1.5\n'])
def test_lengths_that_are_none_are_refused(tool, tmp_path, text):
    path = tmp_path / 'lengths.txt'
    path.write_text(text)
    with pytest.raises(ValueError, match='a positive number per line'):
        tool.read_lengths(str(path))


@pytest.mark.parametrize('options, message', [
    (['--length=0'], 'ValueError: --length must be at least 1, but got 0'),
    (['--batch-size=0'], 'ValueError: --batch-size must be at least 1'),
    (['--valid=65'], 'ValueError: --valid must be at most the 64 cells'),
    (['--dtype=tf32'], 'ValueError: --dtype tf32 needs --device cuda'),
    (['--train', '--dtype=float16'], 'ValueError: --train must not be in'),
    (['--lengths=x', '--train'], 'ValueError: --lengths is for inference'),
    (['--lengths=nowhere.txt'], 'FileNotFoundError: .*nowhere.txt'),
    (['--cfg-options', 'modle.x=1'], "ValueError: .* did you mean 'model'"),
])
def test_errors_are_one_clear_line(tool, options, message):
    with pytest.raises(SystemExit, match=message) as error:
        tool.main([CONFIG, *TINY, *options])
    assert '\n' not in str(error.value)


def test_training_needs_an_optimizer_in_the_config(tool):
    model_only = str(ROOT / 'configs/_base_/models/dyfadet.py')
    with pytest.raises(SystemExit, match='--train needs optim_wrapper in'):
        tool.main([model_only, '--train'])


def test_missing_gpu_is_one_clear_line(tool, monkeypatch):
    monkeypatch.setattr(tool.torch.cuda, 'is_available', lambda: False)
    with pytest.raises(SystemExit, match='--device cuda needs a GPU'):
        tool.main([CONFIG, '--device=cuda'])


def test_memory_that_cannot_be_measured_is_an_error(tool, monkeypatch):
    monkeypatch.setattr(tool.sys, 'executable', 'false')  # fails at once
    with pytest.raises(RuntimeError, match='of fast .* ended with code 1'):
        tool.measure_memory('fast', [CONFIG])
