import copy

import pytest
import torch
from torch import nn

from dyfadet_mm.models.layers.derived import Derived


@pytest.fixture
def calls():
    return []


@pytest.fixture
def derived(calls):

    def double(param):
        calls.append(len(calls))
        return 2 * param

    return Derived(double)


def test_value_is_kept_while_the_parameter_is_equal(derived, calls):
    param = nn.Parameter(torch.tensor([1., 2.]))
    with torch.no_grad():
        first = derived(param)
        assert derived(param) is first
        assert derived(param.clone()) is first
    assert first.tolist() == [2, 4] and len(calls) == 1


@pytest.mark.parametrize('edit', [
    lambda param: param.data.add_(1),
    lambda param: param.add_(1),
    lambda param: param.double() + 1,
    lambda param: param.double(),
])
def test_value_follows_every_change(derived, edit):
    param = nn.Parameter(torch.tensor([1., 2.]))
    with torch.no_grad():
        derived(param)
        changed = edit(param)
        value = derived(changed)
        assert value.dtype == changed.dtype
        assert torch.equal(value, 2 * changed)


def test_gradients_flow_and_nothing_is_kept(derived, calls):
    param = nn.Parameter(torch.tensor([1., 2.]))
    for _ in range(2):
        derived(param).sum().backward()
    assert param.grad.tolist() == [4, 4] and len(calls) == 2
    with torch.no_grad():
        assert not derived(param).requires_grad


def test_a_copy_keeps_nothing_of_the_original():
    linear = nn.Linear(1, 1)
    linear.derived = Derived(torch.neg)
    with torch.no_grad():
        linear.derived(linear.weight)
        twin = copy.deepcopy(linear)
        twin.weight.fill_(5)
        assert twin.derived(twin.weight).item() == -5
        assert linear.derived(linear.weight) == -linear.weight
    assert list(linear.state_dict()) == ['weight', 'bias']
