"""A comparison of two tiny models, as a whole, interrupted and resumed."""
import csv
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import matplotlib.image
import pytest
import torch
from mmengine.config import Config
from video_data import write_video_data

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / 'tools/analysis_tools'
CONFIG = ROOT / 'configs/dyfadet/dyfadet_custom.py'
OPTIONS = [
    'feat_dim=64', 'feat_stride=1', 'feat_num_frames=1', 'width=16',
    'max_seq_len=64', 'batch_size=4', 'lr=1e-3', 'warmup_epochs=1',
    'max_epochs=2', 'model.backbone.mlp_channels=8', 'train_cfg.val_interval=1'
]
TIMES = ('latency', 'train_seconds')


def load(path):
    """Import a script, which is in no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def tool():
    """The scripts as modules; they import each other."""
    sys.path.insert(0, str(FOLDER))
    try:
        import compare
        import compare_costs
        import compare_plan
        import compare_tables
        yield SimpleNamespace(
            main=compare.main,
            compare=compare,
            costs=compare_costs,
            plan=compare_plan,
            tables=compare_tables)
    finally:
        sys.path.remove(str(FOLDER))


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A folder with data and three configs, one of which cannot train."""
    path = tmp_path_factory.mktemp('compare')
    digits = load(ROOT / 'tools/dataset_converters/digit_streams.py')
    settings = digits.Settings(train=16, val=3, min_cells=40, max_cells=60)
    digits.make_data_set(str(path / 'data'), settings)
    base = f'_base_ = {str(CONFIG)!r}\n'
    (path / 'deep.py').write_text(base)
    flat = Config.fromfile(CONFIG).model.head
    for name in ('formation', 'tau', 'gate_bias', 'trains_shut', 'num_layers'):
        flat.pop(name)
    flat.update(type='ConvHead', _delete_=True)
    (path / 'flat.py').write_text(f'{base}model = dict(head={flat!r})\n')
    broken = 'default_hooks = dict(timer=dict(type="NoSuch"))\n'
    (path / 'broken.py').write_text(base + broken)
    return path


def test_a_video_of_frames_is_as_long_as_its_cells(tool, tmp_path):
    cfg = Config.fromfile(write_video_data(tmp_path))
    batch, cells = tool.costs.median_video(cfg)
    assert batch['inputs'][0].shape == (3, 32, 2, 16, 16) and cells == 32


def command(folder, work_dir, *labels, options=(), args=()):
    """Arguments of a comparison on the data of the folder."""
    return [
        *(str(folder / f'{label}.py') for label in labels),
        f'--work-dir={folder / work_dir}', '--threads=1', *args,
        '--cfg-options', f'data_root={folder / "data"}/', *OPTIONS, *options
    ]


@pytest.fixture(scope='module')
def reference(tool, folder):
    """The work directory of a comparison that nobody stopped."""
    with pytest.raises(SystemExit) as end:
        tool.main(command(folder, 'reference', 'deep', 'broken', 'flat'))
    assert end.value.code == 1  # for the broken one
    return folder / 'reference'


def table(work_dir):
    """Rows of the CSV by label."""
    with open(work_dir / 'comparison.csv', newline='') as file:
        return {row['config']: row for row in csv.DictReader(file)}


def refusal(tool, *args, **kwargs):
    """The line in which a command is refused."""
    with pytest.raises(SystemExit) as end:
        tool.main(command(*args, **kwargs))
    assert isinstance(end.value.code, str)
    return end.value.code


def test_table_holds_what_the_runs_have_written(reference):
    rows = table(reference)
    assert list(rows) == ['deep', 'broken', 'flat']
    for label in ('deep', 'flat'):
        run = reference / label / 'seed_0'
        result = json.loads((run / 'result.json').read_text())
        assert result['threads'] == 1 and result['epochs'] == 2
        metrics = result['best']['metrics']
        assert len(metrics) == 6 and metrics['tad/average_mAP'] > 0
        for name, value in metrics.items():
            assert float(rows[label][name]) == pytest.approx(100 * value)
        for which in ('best', 'last'):
            value = 100 * result[which]['metrics']['tad/average_mAP']
            for end in ('', ', seed 0'):
                name = f'tad/average_mAP {which} epoch{end}'
                assert float(rows[label][name]) == pytest.approx(value)
        weights = torch.load(
            run / result['best']['checkpoint'], weights_only=True)
        cfg = Config.fromfile(run / 'config.py')
        assert cfg.randomness.seed == 0
        assert len(weights['state_dict']['head.conv_cls.bias']) == 10
        num_parameters = sum(value.numel()
                             for name, value in weights['state_dict'].items()
                             if not name.endswith('loss_normalizer.value'))
        assert int(rows[label]['parameters']) == num_parameters
        assert float(rows[label]['train_seconds']) == result['train_seconds']
        assert rows[label]['seeds'] == '1' and rows[label]['cells'] == '51'


def test_seconds_of_training_are_those_of_the_iterations(reference):
    run = reference / 'flat/seed_0'
    result = json.loads((run / 'result.json').read_text())
    logged = next((run / 'train').glob('*/vis_data/scalars.json'))
    lines = [json.loads(line) for line in logged.read_text().splitlines()]
    means = [line['time'] for line in lines if 'loss' in line]
    # logged at the end of the second epoch: the mean over all iterations
    assert result['train_seconds'] == pytest.approx(8 * means[-1], rel=1e-3)


def test_best_weights_are_those_of_the_best_validation(reference):
    run = reference / 'deep/seed_0'
    result = json.loads((run / 'result.json').read_text())
    logged = next((run / 'train').glob('*/vis_data/scalars.json'))
    lines = [json.loads(line) for line in logged.read_text().splitlines()]
    means = [
        line['tad/average_mAP'] for line in lines if 'tad/average_mAP' in line
    ]
    best, last = (
        result[which]['metrics']['tad/average_mAP']
        for which in ('best', 'last'))
    assert len(means) == 2 and best == max(means) and last == means[-1]


def test_failing_config_is_told_and_stops_no_other(reference):
    row = table(reference)['broken']
    assert row['seeds'] == '0'
    assert not any(
        value for key, value in row.items() if key not in ('config', 'seeds'))
    text = (reference / 'comparison.md').read_text()
    assert '| broken | 0 |' in text
    told = text.split('Failed:')[1].strip()
    assert told.startswith('- broken, seed 0: ended with code 1, KeyError')
    assert 'NoSuch is not in the' in told and 'log.txt' in told


def test_operations_are_counted(reference):
    rows = table(reference)
    deep, flat = (int(rows[label]['flop']) for label in ('deep', 'flat'))
    # at least the first convolution of the embedding
    assert deep > flat > 2 * 51 * 64 * 16 * 3


def killed_in_training(folder, work_dir):
    """Start a comparison and kill it in the second epoch of ``deep``."""
    process = subprocess.Popen([
        sys.executable, FOLDER / 'compare.py',
        *command(folder, work_dir, 'flat', 'deep')
    ],
                               stdout=subprocess.DEVNULL,
                               env=dict(
                                   os.environ,
                                   OMP_NUM_THREADS='1',
                                   PYTHONWARNINGS='ignore'),
                               start_new_session=True)
    point = folder / work_dir / 'deep/seed_0/train/epoch_1.pth'
    wait_for(lambda: point.exists() or process.poll() is not None)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    # nothing is left running, in the group of the process or of a server
    wait_for(lambda: not group_exists(process.pid))
    wait_for(lambda: not is_written(folder / work_dir))


def is_written(folder):
    """Whether a process keeps a file of the folder open."""
    for each in Path('/proc').glob('[0-9]*/fd/*'):
        try:
            if os.readlink(each).startswith(f'{folder}/'):
                return True
        except OSError:  # it has ended meanwhile
            pass
    return False


def group_exists(pgid):
    try:
        os.killpg(pgid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition, seconds=100):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_resumed_comparison_gives_the_same_table(tool, folder, reference):
    """Stopped after one run, then killed in the next."""
    work_dir = folder / 'resumed'
    shutil.copytree(reference / 'flat', work_dir / 'flat')
    shutil.copy(reference / 'compare.json', work_dir)
    finished, run = (work_dir / label / 'seed_0' for label in ('flat', 'deep'))
    before = contents(finished)
    killed_in_training(folder, 'resumed')
    assert not (run / 'result.json').exists()
    tool.main(command(folder, 'resumed', 'flat', 'deep'))
    assert 'resumed epoch: 1, iter: 4' in (run / 'log.txt').read_text()
    assert contents(finished) == before
    expected, found = table(reference), table(work_dir)
    assert list(found) == ['flat', 'deep']
    for label, row in found.items():
        for name in row.keys() - set(TIMES):
            assert row[name] == expected[label][name]
    check_same_weights(run, reference / 'deep/seed_0')
    again = (work_dir / 'comparison.md').read_text()
    tool.main(command(folder, 'resumed', 'flat', 'deep'))
    assert (work_dir / 'comparison.md').read_text() == again


def contents(folder):
    """What is in a folder, and since when."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob('*')}


def check_same_weights(run, other):
    """Weights, averages and momentum of the last epoch are equal."""
    ours, theirs = (
        torch.load(each / 'train/epoch_2.pth', weights_only=True)
        for each in (run, other))
    for part in ('state_dict', 'ema_state_dict'):
        assert ours[part].keys() == theirs[part].keys()
        for name, value in ours[part].items():
            assert torch.equal(value, theirs[part][name]), name
    for index, state in ours['optimizer']['state'].items():
        other = theirs['optimizer']['state'][index]
        assert torch.equal(state['exp_avg'], other['exp_avg'])


def test_other_settings_are_refused_with_their_names(tool, folder, reference):
    before = contents(reference)
    told = refusal(
        tool,
        folder,
        'reference',
        'deep',
        options=['lr=2e-3', 'model.head.kernel_size=3'])
    assert 'deep/seed_0/config.py lr is 0.001 there and 0.002 now' in told
    assert 'optim_wrapper.optimizer.lr is 0.001 there' in told
    assert 'kernel_size' not in told
    told = refusal(tool, folder, 'reference', 'deep', args=['--threads=2'])
    assert 'compare.json threads is 1 there and 2 now' in told
    assert contents(reference) == before


def test_a_second_process_is_refused(tool, folder, reference):
    with tool.plan.claim_work_dir(reference, dict(threads=1)):
        told = refusal(tool, folder, 'reference', 'deep')
    assert 'is in use by another process' in told


def test_foreign_folders_are_refused(tool, folder, tmp_path):
    (tmp_path / 'notes.txt').write_text('mine')
    told = refusal(tool, folder, tmp_path, 'deep')
    assert 'with other files; choose another' in told
    assert [path.name for path in tmp_path.iterdir()] == ['notes.txt']


@pytest.mark.parametrize('labels, options, args, words', [
    (['deep', 'deep'], [], [], "labels must differ, but got 'deep' twice"),
    (['none'], [], [], 'none.py'),
    (['deep'], ['max_epohcs=3'], [], "deep: .*did you mean 'max_epochs'"),
    (['flat', 'deep'], ['model.neck.channels=32'
                        ], [], 'flat cannot be built, ValueError: .*32'),
    (['deep'], [
        'model.score_fusion.type=ScoreFusion',
        'model.score_fusion.score_file=no.json'
    ], [], "deep cannot be built, .*no class scores at 'no.json'"),
    (['deep'], ['feature_dir=no'], [], 'deep cannot be built, .*no'),
    (['deep'], ['train_cfg.val_begin=3'
                ], [], r'val_begin=3 of 2 epochs.*--checkpoint last'),
    (['deep'], ['default_hooks.checkpoint.save_best=None'
                ], [], 'needs the name of a metric'),
    (['deep'], [], ['--seeds=0'], '--seeds must be at least 1, but got 0'),
])
def test_what_cannot_run_is_told_first(tool, folder, labels, options, args,
                                       words):
    told = refusal(
        tool, folder, 'refused', *labels, options=options, args=args)
    assert re.search(words, told, re.S), told
    assert not (folder / 'refused').exists()


@pytest.mark.parametrize('label', ['', '..', '.x', 'a/b'])
def test_labels_are_names_of_folders(tool, label):
    args = SimpleNamespace(configs=[f'{label}={CONFIG}'], cfg_options=None)
    with pytest.raises(ValueError, match='must be the name of a new folder'):
        tool.plan.read_configs(args)


def test_labels_can_be_given(tool):
    args = SimpleNamespace(
        configs=[f'DyFADet (C)={CONFIG}', str(CONFIG)], cfg_options=None)
    assert list(
        tool.plan.read_configs(args)) == ['DyFADet (C)', 'dyfadet_custom']


def test_every_seed_of_a_round_comes_before_the_next(tool):
    cfgs = dict(
        a=Config(dict(randomness=dict(deterministic=True))), b=Config())
    runs = tool.plan.plan_runs(cfgs, 2, Path('w'))
    assert [str(run.folder) for run in runs
            ] == ['w/a/seed_0', 'w/b/seed_0', 'w/a/seed_1', 'w/b/seed_1']
    assert runs[2].cfg.randomness == dict(deterministic=True, seed=1)
    assert 'seed' not in cfgs['a'].randomness


def test_differences_are_found_at_any_depth(tool):
    old = dict(a=[1, dict(b=2)], c=(1, 2), d=None, e=1)
    new = dict(a=[1, dict(b=3)], c=[1, 2], e=1, f=4)
    found = [tuple(each) for each in tool.plan.differences(old, new)]
    assert found == [('a.1.b', '2', '3'), ('d', 'None', 'nothing'),
                     ('f', 'nothing', '4')]
    assert list(tool.plan.differences([1], [1, 2])) == [('1', 'nothing', '2')]


@pytest.fixture
def rows(tool):
    """Two seeds, one seed, none."""

    def test(value):
        return dict(
            metrics={
                'tad/average_mAP': value,
                'tad/mAP@0.50': value / 2,
                'tad/mAP@0.75': value / 4
            })

    def result(seed, best, last, seconds):
        return dict(
            seed=seed, train_seconds=seconds, best=test(best), last=test(last))

    Row, Cost = tool.tables.Row, tool.costs.Cost
    return [
        Row('two', 'best',
            [result(0, 0.5, 0.3, 3600.),
             result(1, 0.6, 0.5, 3723.)],
            Cost(1_234_000, 5_600_000_000, 0.0123, 51)),
        Row('one', 'best', [result(1, 0.4, 0.2, 59.6)], None),
        Row('none', 'best', [], None)
    ]


def test_markdown_by_hand(tool, rows):
    assert tool.tables.markdown_table(rows) == [
        '| config | seeds | mAP@0.50 | mAP@0.75 | average_mAP ± s.d. | '
        'worst seed | best epoch | last epoch | parameters | GFLOP | latency '
        '| training |',
        '| --- |' + ' --: |' * 11,
        # sample standard deviation of 50 and 60: 10 / sqrt(2)
        '| two | 2 | 27.50 | 13.75 | 55.00 ± 7.07 | 50.00 | 55.00 | 40.00 | '
        '1.234 M | 5.600 | 12.3 ms | 1:01:02 |',
        '| one | 1 | 20.00 | 10.00 | 40.00 | 40.00 | 40.00 | 20.00 |  |  |  | '
        '0:01:00 |',
        '| none | 0 |  |  |  |  |  |  |  |  |  |  |'
    ]
    alone = ''.join(tool.tables.markdown_table(rows[1:]))
    assert '±' not in alone and 'worst' not in alone


def test_markdown_of_the_last_epoch(tool, rows):
    last = rows[0]._replace(checkpoint='last')
    assert tool.tables.markdown_table([last])[-1].startswith(
        '| two | 2 | 20.00 | 10.00 | 40.00 ± 14.14 | 30.00 | 55.00 | 40.00 |')
    for result in last.results:
        del result['best']  # no best weights were kept
    assert '± 14.14 | 30.00 |  | 40.00 |' in ''.join(
        tool.tables.markdown_table([last]))


def test_csv_by_hand(tool, rows, tmp_path):
    tool.tables.write_report(rows, 'note', ['none: lost'], tmp_path)
    found = table(tmp_path)
    main = 'tad/average_mAP'
    expected = {
        'seeds': 2,
        'tad/mAP@0.50': 27.5,
        'tad/mAP@0.50 s.d.': 5 / 2**0.5,
        'tad/mAP@0.75': 13.75,
        'tad/mAP@0.75 s.d.': 2.5 / 2**0.5,
        main: 55,
        f'{main} s.d.': 10 / 2**0.5,
        f'{main} max - min': 10,
        f'{main} worst seed': 50,
        f'{main} best epoch': 55,
        f'{main} best epoch, seed 0': 50,
        f'{main} best epoch, seed 1': 60,
        f'{main} last epoch': 40,
        f'{main} last epoch, seed 0': 30,
        f'{main} last epoch, seed 1': 50,
        'parameters': 1234000,
        'flop': 5600000000,
        'latency': 0.0123,
        'cells': 51,
        'train_seconds': 3661.5
    }
    row = found['two']
    assert row.pop('config') == 'two' and list(row) == list(expected)
    assert {k: float(v) for k, v in row.items()} == pytest.approx(expected)
    one = found['one']
    assert one[f'{main} s.d.'] == one[f'{main} max - min'] == ''
    assert one[f'{main} last epoch, seed 0'] == ''
    assert float(one[f'{main} last epoch, seed 1']) == pytest.approx(20)
    assert '\nnote\n\nFailed:\n\n- none: lost\n' in (
        tmp_path / 'comparison.md').read_text()
    tool.tables.write_report(rows[1:2], '', [], tmp_path)
    assert not any('s.d.' in name or 'worst' in name
                   for name in table(tmp_path)['one'])


def test_chart_has_a_bar_per_config_with_results(tool, rows, tmp_path):
    axes = tool.tables.draw_chart(rows).axes[0]
    bars, = (each for each in axes.containers if hasattr(each, 'patches'))
    assert [bar.get_width() for bar in bars] == pytest.approx([55, 40])
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ['two', 'one']
    assert axes.get_xlabel() == 'average_mAP (%)'
    tool.tables.write_report(rows, '', [], tmp_path)
    image = matplotlib.image.imread(tmp_path / 'comparison.png', 'png')
    assert image.shape[0] > 100 and image.std() > 0.05
    tool.tables.draw_chart(rows[2:])  # nothing to show is no error


def test_models_that_cannot_be_measured_are_told(tool, tmp_path):
    costs, failures = tool.costs.measure(
        dict(lost=(Config.fromfile(CONFIG), tmp_path / 'none.pth')))
    assert costs == {}
    assert failures[0].startswith('lost, latency: FileNotFoundError: ')
