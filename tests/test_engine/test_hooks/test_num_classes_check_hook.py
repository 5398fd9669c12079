import pytest
import torch
from mmengine.registry import MODEL_WRAPPERS

HOOKS = [dict(type='dyfadet_mm.NumClassesCheckHook')]


def test_equal_numbers_train_validate_and_test(make_runner, make_data, capsys):
    runner = make_runner(make_data(), HOOKS, val_dataset=make_data())
    runner.train()
    assert runner.test() == dict(count=2)
    assert 'has only' not in ''.join(capsys.readouterr())


@pytest.mark.parametrize('where', ['train', 'val'])
def test_more_classes_than_the_head_are_refused_before_training(
        make_runner, make_data, where):
    large = make_data(metainfo=dict(classes=('a', 'b', 'c', 'd')))
    data = dict(train=make_data(), val=make_data())
    data[where] = large
    runner = make_runner(data['train'], HOOKS, val_dataset=data['val'])
    with pytest.raises(
            ValueError,
            match=f'{where}_dataloader.dataset, 4, but got 3; set '
            'model.head.num_classes=4'):
        runner.train()
    assert runner.iter == 0


@pytest.mark.parametrize('task', ['val', 'test'])
def test_more_classes_than_the_head_are_refused_without_training(
        make_runner, make_data, task):
    runner = make_runner(
        make_data(), HOOKS, num_classes=2, val_dataset=make_data())
    with pytest.raises(ValueError, match=f'{task}_dataloader.dataset, 3, but'):
        getattr(runner, task)()


def test_fewer_classes_are_a_warning_once(make_runner, make_data, capsys):
    make_runner(
        make_data(), HOOKS, num_classes=7, val_dataset=make_data()).train()
    logged = ''.join(capsys.readouterr())
    words = 'num_classes is 7, but train_dataloader.dataset has only 3 classes'
    assert words in logged and logged.count('has only') == 1


def test_class_agnostic_data_counts_as_one_class(make_runner, make_data):
    agnostic = make_data(class_agnostic=True)
    make_runner(agnostic, HOOKS, num_classes=1, val_dataset=agnostic).train()
    runner = make_runner(make_data(), HOOKS, num_classes=1)
    with pytest.raises(ValueError, match='class_agnostic=True'):
        runner.train()


def test_a_model_without_head_classes_is_not_checked(make_runner, make_data):
    make_runner(make_data(), HOOKS, num_classes=None).train()


class _Wrapper(torch.nn.Module):
    """Stands where a distributed wrapper would, without processes."""

    def __init__(self, module):
        super().__init__()
        self.module = module


def test_the_head_is_found_inside_a_model_wrapper(make_runner, make_data):
    MODEL_WRAPPERS.register_module(module=_Wrapper, force=True)
    try:
        runner = make_runner(make_data(), HOOKS, num_classes=2)
        runner.model = _Wrapper(runner.model)
        with pytest.raises(ValueError, match='3, but got 2'):
            runner.train()
    finally:
        MODEL_WRAPPERS.module_dict.pop('_Wrapper')
