import pytest
import torch

from dyfadet_mm.models import ConvHead

NEAR_ZERO = torch.tensor(1e-6).logit()


@pytest.fixture
def run_hook(make_runner, make_data):
    """Biases of a head after the hook, with three classes of these names."""

    def _run(*names, training=True):
        data = make_data(metainfo=dict(classes=names))
        runner = make_runner(data, [dict(type='dyfadet_mm.EmptyClassesHook')])
        runner.model.head = ConvHead(3, 2, 2, num_layers=1)
        if training:
            runner.train_loop  # built by the runner before the hooks
        runner.call_hook('before_run')
        return runner.model.head.conv_cls.bias.detach()

    return _run


def test_classes_without_data_start_near_zero(run_hook):
    biases = run_hook('hop', 'class_1', 'run')
    torch.testing.assert_close(biases[1], NEAR_ZERO)
    assert (biases[[0, 2]] > -5).all()


@pytest.mark.parametrize('names', [('hop', 'jump', 'run'),
                                   ('class_2', 'jump', 'run')])
def test_other_names_are_left_alone(run_hook, names):
    assert (run_hook(*names) > -5).all()


def test_nothing_is_done_in_testing(run_hook):
    assert (run_hook('class_0', 'a', 'b', training=False) > -5).all()


def test_the_running_average_starts_with_them(make_runner, make_data):
    """MMEngine's hook copies the weights at the same point."""
    runner = make_runner(make_data(), [
        dict(type='EMAHook', priority='ABOVE_NORMAL'),
        dict(type='dyfadet_mm.EmptyClassesHook')
    ])
    names = [type(hook).__name__ for hook in runner.hooks]
    assert names.index('EmptyClassesHook') < names.index('EMAHook')
