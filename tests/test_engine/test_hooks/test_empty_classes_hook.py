"""Every test trains: MMEngine initialises the weights after the hooks' first
event, and a head overwrites what was written to it before."""
import pytest
import torch

from dyfadet_mm.models import ConvHead

NEAR_ZERO = torch.tensor(1e-6).logit()
NAMES = ('hop', 'class_1', 'run')
HOOKS = [
    dict(type='EMAHook', momentum=0.1, priority='ABOVE_NORMAL'),
    dict(type='dyfadet_mm.EmptyClassesHook')
]


class LinearHead(ConvHead):
    """A real head, called as the linear layer of the toy model is."""

    def forward(self, inputs):
        return inputs.sum() * self.conv_cls.bias


@pytest.fixture
def make(make_runner, make_data):
    """A runner of one iteration, of classes with these names."""

    def _make(names=NAMES, **kwargs):
        data = make_data(
            metainfo=dict(classes=names), serialize_data=False, indices=2)
        options = dict(
            val_dataset=make_data(metainfo=dict(classes=names)),
            train_cfg=dict(by_epoch=True, max_epochs=1),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.)))
        options.update(kwargs)
        runner = make_runner(data, HOOKS, **options)
        runner.model.head = LinearHead(3, 2, 2, num_layers=1)
        return runner

    return _make


def biases(runner):
    """Of the model, and of its running average."""
    average, = (
        hook.ema_model.module for hook in runner.hooks
        if hasattr(hook, 'ema_model'))
    return [model.head.conv_cls.bias for model in (runner.model, average)]


def test_classes_without_data_start_near_zero(make):
    runner = make()
    runner.train()
    assert runner.iter == 1
    for bias in biases(runner):
        torch.testing.assert_close(bias[1], NEAR_ZERO)
        assert (bias[[0, 2]] > -5).all()


@pytest.mark.parametrize('names', [('hop', 'jump', 'run'),
                                   ('class_2', 'jump', 'run')])
def test_other_names_are_left_alone(make, names):
    runner = make(names)
    runner.train()
    assert all((bias > -5).all() for bias in biases(runner))


@pytest.mark.parametrize('task, resume', [('train', False), ('train', True),
                                          ('val', False), ('test', False)])
def test_a_checkpoint_knows_better(make, tmp_path, task, resume):
    make(('hop', 'jump', 'run')).train()
    runner = make(
        load_from=str(tmp_path / 'epoch_1.pth'),
        resume=resume,
        train_cfg=dict(by_epoch=True, max_epochs=2))
    getattr(runner, task)()
    assert all((bias > -5).all() for bias in biases(runner))


def test_what_a_checkpoint_lacks_starts_near_zero(make, tmp_path):
    torch.save(dict(state_dict=dict(other=torch.ones(1))), tmp_path / 'x.pth')
    runner = make(load_from=str(tmp_path / 'x.pth'))
    runner.train()
    for bias in biases(runner):
        torch.testing.assert_close(bias[1], NEAR_ZERO)


def test_a_model_without_such_a_head_is_left_alone(make_runner, make_data):
    data = make_data(metainfo=dict(classes=NAMES))
    make_runner(data, HOOKS).train()
