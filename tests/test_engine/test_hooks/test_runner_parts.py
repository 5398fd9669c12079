import pytest
from mmengine.dataset import BaseDataset, ConcatDataset, RepeatDataset
from mmengine.registry import MODEL_WRAPPERS
from torch import nn

from dyfadet_mm.engine.hooks.runner_parts import unwrap_datasets, unwrap_model


class _Numbers(BaseDataset):

    def load_data_list(self):
        return [dict(number=i) for i in range(3)]


@pytest.mark.parametrize('wrap', [
    lambda inner: ConcatDataset(inner),
    lambda inner: RepeatDataset(
        dict(type='ConcatDataset', datasets=inner), times=2),
])
def test_inner_datasets_are_found_in_order(wrap):
    datasets = [_Numbers(), _Numbers()]
    assert unwrap_datasets(wrap(datasets)) == datasets


def test_a_plain_dataset_is_its_own_inner_one():
    dataset = _Numbers()
    assert unwrap_datasets(dataset) == [dataset]


@pytest.fixture
def wrapper():
    """A kind of wrapper that needs no process group."""

    @MODEL_WRAPPERS.register_module(name='ToyWrapper', force=True)
    class ToyWrapper(nn.Module):

        def __init__(self, module):
            super().__init__()
            self.module = module

    yield ToyWrapper
    MODEL_WRAPPERS.module_dict.pop('ToyWrapper')


def test_a_wrapped_model_is_found(wrapper):
    model = nn.Linear(1, 1)
    assert unwrap_model(wrapper(model)) is model


def test_a_model_with_a_part_of_that_name_is_itself():
    model = nn.Module()
    model.module = nn.Linear(1, 1)
    assert unwrap_model(model) is model
