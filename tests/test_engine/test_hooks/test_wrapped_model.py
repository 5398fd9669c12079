import pytest
from mmengine.registry import MODEL_WRAPPERS
from torch import nn

from dyfadet_mm.engine.hooks.wrapped_model import unwrap_model


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
