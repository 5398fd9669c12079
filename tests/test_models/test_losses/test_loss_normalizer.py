import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict

from dyfadet_mm.models import LossNormalizer


def test_mean_is_updated_before_it_is_used():
    normalizer = LossNormalizer(100.)
    assert normalizer(torch.tensor(10)).item() == pytest.approx(91)
    assert normalizer(torch.tensor(0)).item() == pytest.approx(82)
    assert normalizer(torch.tensor(50)).item() == pytest.approx(78.8)
    assert LossNormalizer(8., momentum=0.5)(torch.tensor(4)).item() == 6


def test_a_batch_without_positives_counts_as_one():
    normalizer = LossNormalizer(1.)
    for _ in range(3):
        assert normalizer(torch.tensor(0)).item() == pytest.approx(1)


def test_mean_is_a_saved_float_buffer_and_no_parameter():
    normalizer = LossNormalizer(100)  # an integer must not truncate it
    normalizer(torch.tensor(7))
    assert not list(normalizer.parameters())
    assert list(normalizer.state_dict()) == ['value']
    assert normalizer.value.dtype == torch.float32
    assert normalizer.value.item() == pytest.approx(90.7)


def test_a_resumed_run_goes_on_with_the_mean():
    first = LossNormalizer(100.)
    for count in (3, 20, 5):
        first(torch.tensor(count))
    second = LossNormalizer(100.)
    second.load_state_dict(first.state_dict())
    assert torch.equal(second(torch.tensor(9)), first(torch.tensor(9)))


@pytest.mark.parametrize('load', [
    lambda model, weights: model.load_state_dict(weights, strict=True),
    lambda model, weights: load_state_dict(model, weights, strict=True),
])
def test_weights_without_the_mean_keep_the_initial_value(load):
    model = torch.nn.Sequential(torch.nn.Linear(2, 1), LossNormalizer(30.))
    weights = dict(torch.nn.Sequential(torch.nn.Linear(2, 1)).state_dict())
    names = set(weights)
    load(model, weights)
    assert model[1].value.item() == 30 and set(weights) == names
    assert torch.equal(model[0].weight, weights['0.weight'])


def test_the_divisor_is_a_copy_outside_the_graph():
    normalizer = LossNormalizer(10.)
    divisor = normalizer(torch.tensor(10.))
    normalizer(torch.tensor(1000.))
    assert divisor.item() == 10 and not divisor.requires_grad


def test_positives_are_counted_but_not_saved():
    normalizer = LossNormalizer()
    for count in (0, 3, 4):
        normalizer(torch.tensor(count))
    assert normalizer.num_positives == 7
    assert list(normalizer.state_dict()) == ['value']
