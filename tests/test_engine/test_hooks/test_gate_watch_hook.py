"""Gates watched in trainings of a small detector, and of a layer by hand."""
import json
from types import SimpleNamespace

import pytest
import small_data
import torch
from device_waits import DeviceWaits
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from dyfadet_mm.models.layers import DFAConv1d
from dyfadet_mm.structures import Cells

BASE = str(small_data.ROOT / 'configs/dyfadet/dyfadet_custom.py')
PATHS = {
    f'head.{tower}_tower.layers.{layer}.{path}'
    for tower in ('cls', 'reg')
    for layer in (0, 1)
    for path in ('down', 'up', 'depth')
}
DEPTH = sorted(name for name in PATHS if name.endswith('depth'))
WARNING = ('{}: the gate is shut at all cells since {}: the path outputs a '
           'constant, and nothing opens it; set model.head.trains_shut=True, '
           'or raise model.head.gate_bias')


class SetBias(Hook):
    """Sets the bias of the depth paths' gates, epoch by epoch."""

    def __init__(self, biases):
        self.biases = biases

    def before_train_epoch(self, runner):
        for name in DEPTH:
            gate = runner.model.get_submodule(f'{name}.attention.gate')
            gate.bias.data.fill_(self.biases[runner.epoch])


class CountHooks(Hook):
    """Counts the modules with forward hooks, in and after iterations."""
    priority = 'LOWEST'

    def __init__(self):
        self.found = []

    def before_train_iter(self, runner, **kwargs):
        self.found.append(
            sum(
                bool(each._forward_hooks or each._forward_pre_hooks)
                for each in runner.model.modules()))

    def after_train_iter(self, runner, **kwargs):
        self.before_train_iter(runner)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A folder with six training videos, three batches."""
    path = tmp_path_factory.mktemp('data')
    small_data.save(path, small_data.make_data(path))
    return path


@pytest.fixture(scope='module')
def train(folder, tmp_path_factory):
    """Train a small detector."""

    def _train(*hooks, **options):
        path = tmp_path_factory.mktemp('run')
        cfg = Config.fromfile(small_data.write_config(folder, base=BASE))
        cfg.merge_from_dict({
            'work_dir': str(path),
            'experiment_name': path.name,
            'randomness': dict(seed=0),
            'train_cfg.val_begin': 9,
            'model.head.gate_bias': 0.6,
            'model.head.trains_shut': False,
            'default_hooks.checkpoint.max_keep_ckpts': -1,
            **options
        })
        runner = Runner.from_cfg(cfg)
        for hook in hooks:
            runner.register_hook(hook)
        runner.train()
        text, = path.glob('*/*.log')
        return SimpleNamespace(
            model=runner.model,
            path=path,
            log=text.read_text(),
            lines=logged(path))

    return _train


@pytest.fixture(scope='module')
def count():
    return CountHooks()


@pytest.fixture(scope='module')
def whole(train, count):
    """A training of two epochs, whose hooks were counted."""
    return train(count)


def logged(work_dir):
    """Shares by layer, by the iteration after which they were logged."""
    path, = work_dir.glob('*/vis_data/scalars.json')
    found = {}
    for line in map(json.loads, path.read_text().splitlines()):
        shares = {k: v for k, v in line.items() if k.startswith('gates/')}
        if shares:
            assert line.keys() == {*shares, 'step'}
            assert line['step'] not in found
            found[line['step']] = {k[6:]: v for k, v in shares.items()}
    return found


def warnings(log):
    return [line for line in log.splitlines() if 'the gate is' in line]


def test_shares_are_logged_once_per_epoch_and_not_printed(whole, count):
    assert list(whole.lines) == [3, 6]
    for shares in whole.lines.values():
        assert shares.keys() == PATHS
        # GeReTanH at 0.6 is open; some channels of the scale paths shut
        assert all(0.5 < share <= 1 for share in shares.values())
    assert not warnings(whole.log) and 'gates/' not in whole.log
    # in and after the three iterations of both epochs
    acts, layers = len(PATHS), len(PATHS)
    assert count.found == [0, 0, 0, 0, acts + layers, 0] * 2


def test_gates_that_start_shut_are_named_with_their_epoch(train):
    run = train(**{'model.head.gate_bias': -10.})
    for shares in run.lines.values():
        assert set(shares.values()) == {0}
    found = warnings(run.log)
    assert len(found) == len(DEPTH)  # once, and not of the scale paths
    for line, name in zip(sorted(found), DEPTH):
        assert 'WARNING' in line
        assert line.endswith(WARNING.format(name, 'epoch 1'))


@pytest.mark.parametrize('biases, epochs', [
    ([1, 1, 1], []),
    ([1, -10, -10], [2]),
    ([-10, 1, -10], [1, 3]),
])
def test_a_gate_that_opened_is_warned_of_again(train, biases, epochs):
    run = train(SetBias(biases), max_epochs=3)
    expected = [
        WARNING.format(name, f'epoch {epoch}') for epoch in epochs
        for name in DEPTH
    ]
    assert [line.split(' - ')[-1] for line in warnings(run.log)] == expected
    for bias, shares in zip(biases, run.lines.values()):
        assert (shares[DEPTH[0]] > 0) == (bias > 0)


def test_a_gate_that_trains_shut_may_open_by_itself(train):
    """It is named if it is found shut twice in a row."""
    options = {'model.head.gate_bias': -10., 'model.head.trains_shut': True}
    run = train(**options)
    assert [shares[DEPTH[0]] for shares in run.lines.values()] == [0, 0]
    expected = [
        f'{name}: the gate is shut at all cells since epoch 1: the path '
        'outputs a constant, and its training has not opened it; lower the '
        'learning rate, or raise model.head.gate_bias' for name in DEPTH
    ]
    assert [line.split(' - ')[-1] for line in warnings(run.log)] == expected
    run = train(SetBias([-10, 1, -10]), max_epochs=3, **options)
    assert not warnings(run.log)


def test_every_so_many_iterations_of_a_loop_without_epochs(train):
    run = train(
        **{
            'default_hooks.gate_watch.interval':
            2,
            'train_cfg':
            dict(
                type='IterBasedTrainLoop',
                max_iters=4,
                val_begin=9,
                _delete_=True),
            'log_processor.by_epoch':
            False,
            'default_hooks.checkpoint.by_epoch':
            False,
            'model.head.gate_bias':
            -10.
        })
    assert list(run.lines) == [2, 4]
    assert WARNING.format(DEPTH[0], 'iteration 2') in run.log
    assert 'iteration 4' not in run.log


def test_a_resumed_training_goes_on(train, whole):
    rest = train(load_from=str(whole.path / 'epoch_1.pth'), resume=True)
    assert rest.lines == {6: whole.lines[6]}


def test_the_training_is_the_same_bit_by_bit(train, whole):
    ours = whole.model.state_dict()
    other = train(**{'default_hooks.gate_watch.interval': 100})
    assert not other.lines
    for name, value in other.model.state_dict().items():
        assert torch.equal(value, ours[name]), name


class Gated(torch.nn.Module):
    """A layer whose gates are open where a feature is positive."""

    def __init__(self, stride):
        super().__init__()
        self.layer = DFAConv1d(2, 1, 1, stride)
        self.layer.gate.conv.weight.data.fill_(1)
        self.layer.gate.conv.bias.data.zero_()
        # the last two cells are padding
        self.cells = Cells(torch.tensor([[[1, 1, 1, 0, 0]]]).bool())
        self.x = torch.tensor([[[1., -1, 2, 1, 1], [-1, -1, 3, 1, 1]]])

    def forward(self, inputs):
        return inputs.sum() * self.layer(self.x, self.cells).sum()


@pytest.fixture
def train_layer(make_runner, make_data, tmp_path):
    """Train one layer for two epochs; returns what was logged."""

    def _train(hooks, head=None):
        runner = make_runner(make_data(), hooks)
        if head is not None:
            runner.model.head = head
        with DeviceWaits() as waits:
            runner.train()
        path = tmp_path / runner.timestamp / 'vis_data/scalars.json'
        lines = map(json.loads, path.read_text().splitlines())
        shares = [line for line in lines if 'loss' not in line]
        return waits.waits['tolist'], shares

    return _train


HOOKS = [dict(type='dyfadet_mm.GateWatchHook')]


@pytest.mark.parametrize('stride, share', [(1, 3 / 6), (2, 3 / 4)])
def test_share_by_hand(train_layer, stride, share):
    """Open at cell 0 of one channel and at cell 2 of both."""
    before, _ = train_layer([], Gated(stride))
    waits, lines = train_layer(HOOKS, Gated(stride))
    assert lines == [{
        'gates/head.layer': share,
        'step': step
    } for step in (2, 4)]
    assert waits - before == 2  # of four iterations


def test_models_without_gates_are_left_alone(train_layer):
    waits, lines = train_layer(HOOKS)
    assert not lines
    assert waits == train_layer([])[0]


def test_a_useless_interval_is_refused(make_runner, make_data):
    with pytest.raises(
            ValueError,
            match='interval must be at least 1, but '
            'got 0; None measures'):
        make_runner(make_data(), [dict(HOOKS[0], interval=0)])
