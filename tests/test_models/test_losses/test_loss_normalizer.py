import copy
import pickle

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


@pytest.mark.parametrize('grad', [False, True])
def test_evaluation_moves_nothing(grad):
    normalizer = LossNormalizer(100.)
    normalizer(torch.tensor(10))
    normalizer.eval()
    with torch.set_grad_enabled(grad):
        assert normalizer(torch.tensor(1000)).item() == pytest.approx(91)
    assert normalizer.num_positives == 10
    normalizer.train()
    assert normalizer(torch.tensor(0)).item() == pytest.approx(82)


@pytest.mark.parametrize('convert', [
    lambda module: module.half(),
    lambda module: module.bfloat16(),
    lambda module: module.double(),
    lambda module: module.type(torch.float16),
    lambda module: module.to('cpu', torch.bfloat16),
    lambda module: copy.deepcopy(module.half()),
    lambda module: pickle.loads(pickle.dumps(module.half())),
])
def test_numbers_are_float32_whatever_the_type_of_the_model(convert):
    model = torch.nn.Sequential(torch.nn.Linear(1, 1), LossNormalizer(2049.))
    normalizer = convert(model)[1]
    assert model[0].weight.dtype != torch.float32
    for _ in range(3):
        assert normalizer(torch.tensor(2049)).dtype == torch.float32
    assert normalizer.value == 2049 and normalizer.num_positives == 3 * 2049


def test_conversion_moves_to_the_device_with_what_was_counted():
    normalizer = LossNormalizer(2049.).to('meta', torch.half)
    assert normalizer.value.is_meta and normalizer.num_positives.is_meta
    assert normalizer.value.dtype == torch.float32
    normalizer.to_empty(device='cpu')
    assert normalizer.value.device.type == 'cpu'


@pytest.mark.parametrize('assign', [False, True])
def test_a_mean_of_another_type_is_loaded_as_float32(assign):
    normalizer = LossNormalizer()
    weights = dict(value=torch.tensor(12.5, dtype=torch.float64))
    normalizer.load_state_dict(weights, assign=assign)
    assert normalizer.value == 12.5
    assert normalizer.value.dtype == torch.float32
    assert weights['value'].dtype == torch.float64
    normalizer(torch.tensor(100))
    assert weights['value'] == 12.5


def test_the_default_type_does_not_matter():
    torch.set_default_dtype(torch.float64)
    try:
        normalizer = LossNormalizer()
    finally:
        torch.set_default_dtype(torch.float32)
    assert normalizer.value.dtype == torch.float32
    assert normalizer.num_positives.dtype == torch.float32
