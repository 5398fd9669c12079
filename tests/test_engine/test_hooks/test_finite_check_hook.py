import pytest
import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS

HOOKS = [dict(type='dyfadet_mm.FiniteCheckHook')]
BY_ITER = dict(
    train_cfg=dict(by_epoch=False, max_iters=4, val_interval=10),
    default_hooks=dict(
        checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=1)))


class Diverging(torch.nn.Module):
    """Instead of a head: the gradient of its loss is NaN at one call."""

    def __init__(self, at):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.at = at
        self.calls = 0

    def forward(self, inputs):
        self.calls += 1
        zero = 0 * self.weight.sum()
        return zero.sqrt() if self.calls == self.at else zero


@pytest.fixture
def make(make_runner, make_data):
    """A runner that trains and validates with these numbers as inputs."""

    def _make(numbers=range(4), diverge_at=None, hooks=HOOKS, **kwargs):
        data = make_data(numbers=numbers)
        runner = make_runner(data, hooks, val_dataset=make_data(), **kwargs)
        if diverge_at is not None:
            runner.model.head = Diverging(diverge_at)
        return runner

    return _make


def test_healthy_runs_go_on(make):
    hooks = [*HOOKS, dict(type='EMAHook')]
    runner = make(hooks=hooks)
    runner.train()
    assert runner.iter == 4 and runner.test() == dict(count=2)


@pytest.mark.parametrize('number, shown', [(1e30, "'v2' up to 1e\\+30"),
                                           (float('inf'), "'v2' up to inf"),
                                           (float('nan'), "'v2' up to nan")])
def test_an_input_is_blamed(make, tmp_path, number, shown):
    runner = make([1., 2., number, 3.])
    with pytest.raises(
            FloatingPointError,
            match='loss must be finite, but got loss=(nan|inf) in epoch 1, '
            f"iteration 2 of 2, videos 'v2', 'v3'; .*{shown}; write"):
        runner.train()
    assert not list(tmp_path.rglob('*.pth'))


def test_a_rate_is_blamed(make, tmp_path):
    runner = make(
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=1e30)), **BY_ITER)
    with pytest.raises(
            FloatingPointError,
            match=r"in iteration 2, videos 'v2', 'v3'; the inputs look sound "
            r'\(at most 3\), .* lower the learning rate \(1e\+30 here\)'):
        runner.train()
    # those after the first iteration were finite, if only just
    assert [path.name for path in tmp_path.rglob('*.pth')] == ['iter_1.pth']


@pytest.mark.parametrize('options, at, stop', [
    ({}, 2, 'after iteration 2'),
    (BY_ITER, 1, 'to be saved'),
    (dict(default_hooks=dict(checkpoint=None)), 2, 'after iteration 2'),
])
def test_weights_are_neither_saved_nor_validated(make, tmp_path, options, at,
                                                 stop):
    """The loss is finite in the iteration that ruins them."""
    runner = make(diverge_at=at, **options)
    with pytest.raises(
            FloatingPointError,
            match=f"finite {stop}, but 'head.weight' of the model is not; "
            'the training has diverged'):
        runner.train()
    assert not list(tmp_path.rglob('*.pth'))
    assert 'val/count' not in runner.message_hub.log_scalars


def ruin(folder):
    """A checkpoint with a weight that is not finite.

    Where weights are averaged, ``state_dict`` holds the averages.
    """
    checkpoint = torch.load(folder / 'epoch_1.pth', weights_only=True)
    checkpoint['state_dict']['head.bias'][1] = float('nan')
    path = str(folder / 'ruined.pth')
    torch.save(checkpoint, path)
    return path


@pytest.mark.parametrize('task, resume', [('train', False), ('train', True),
                                          ('val', False), ('test', False)])
def test_a_ruined_checkpoint_is_refused(make, tmp_path, task, resume):
    make().train()
    path = ruin(tmp_path)
    with pytest.raises(
            FloatingPointError,
            match="finite to .*, but 'head.bias' of the model is not; "
            '.*ruined.pth is damaged'):
        getattr(make(load_from=path, resume=resume), task)()


def test_a_ruined_average_is_refused(make, tmp_path):
    hooks = [*HOOKS, dict(type='EMAHook')]
    make(hooks=hooks).train()
    path = ruin(tmp_path)
    with pytest.raises(
            FloatingPointError,
            match="'head.bias' of the running average is not; .*ruined.pth"):
        make(hooks=hooks, load_from=path, resume=True).train()


@OPTIM_WRAPPERS.register_module(force=True)
class CpuScaler(AmpOptimWrapper):
    """MMEngine's, which needs a GPU, with PyTorch's scaler for a CPU."""

    def __init__(self, scale, **kwargs):
        OptimWrapper.__init__(self, **kwargs)
        self._scale_update_param = None
        self.cast_dtype = torch.bfloat16
        self.loss_scaler = torch.amp.GradScaler('cpu', init_scale=scale)


def test_overflows_that_a_scaler_skips_are_legal(make):
    wrapper = dict(
        type='CpuScaler', scale=2.**127, optimizer=dict(type='SGD', lr=1e-3))
    runner = make(optim_wrapper=wrapper)
    runner.train()
    assert runner.optim_wrapper.loss_scaler.get_scale() < 2.**127
    assert runner.iter == 4


def test_a_scaler_does_not_skip_for_ever(make):
    wrapper = dict(
        type='CpuScaler', scale=1., optimizer=dict(type='SGD', lr=1e-3))
    runner = make(
        optim_wrapper=wrapper,
        train_cfg=dict(by_epoch=True, max_epochs=9, val_interval=10))
    runner.model.head.bias.data.fill_(3e38)
    runner.model.init_weights = lambda: None
    with pytest.raises(FloatingPointError, match='epoch 6, iteration 1 of 2'):
        runner.train()
