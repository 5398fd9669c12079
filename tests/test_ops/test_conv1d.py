"""Minimal filtering against PyTorch's convolution."""
import importlib

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dyfadet_mm.models import MaskedConv1d
from dyfadet_mm.ops import conv1d

# the package has the function of that name
module = importlib.import_module('dyfadet_mm.ops.conv1d')
FORMS = [conv1d, module._minimal_conv]


def reference(x, weight, bias=None):
    return F.conv1d(x, weight, bias, padding=weight.size(2) // 2)


def grads(y, leaves):
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(y.shape, generator=generator).to(y)
    return torch.autograd.grad(y, leaves, weight)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    form=st.sampled_from(FORMS),
    half=st.integers(0, 6),
    num_videos=st.integers(1, 3),
    length=st.integers(1, 40),
    channels=st.integers(1, 5),
    out_channels=st.integers(1, 18),
    with_bias=st.booleans(),
    seed=st.integers(0, 99))
def test_equals_a_convolution_and_its_gradients(form, half, num_videos, length,
                                                channels, out_channels,
                                                with_bias, seed):
    assume(form is conv1d or 2 * half + 1 <= module.MAX_TAPS)
    torch.manual_seed(seed)
    leaves = [
        torch.randn(num_videos, channels, length),
        torch.randn(out_channels, channels, 2 * half + 1),
        torch.randn(out_channels)
    ][:2 + with_bias]
    x, weight, *bias = leaves = [v.double().requires_grad_() for v in leaves]
    bias = bias or [None]
    ours = form(x, weight, *bias)
    theirs = reference(x, weight, *bias)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)
    for a, b in zip(grads(ours, leaves), grads(theirs, leaves)):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-10)


@pytest.mark.parametrize('num_taps, length', [(1, 3), (3, 5), (5, 6)])
def test_gradients_are_those_of_the_function(num_taps, length):
    leaves = [
        torch.randn(2, 2, length),
        torch.randn(3, 2, num_taps),
        torch.randn(3)
    ]
    leaves = [each.double().requires_grad_() for each in leaves]
    assert torch.autograd.gradcheck(module._minimal_conv, leaves)


def test_more_rows_than_fit_one_block(monkeypatch):
    monkeypatch.setattr(module, 'MIN_BLOCK', 2)
    monkeypatch.setattr(module, 'BLOCK_SIZE', 1)
    x = torch.randn(1, 3, 43).double().requires_grad_()
    weight = torch.randn(4, 3, 5).double()
    ours, theirs = module._minimal_conv(x, weight, None), reference(x, weight)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(grads(ours, x), grads(theirs, x))


@pytest.mark.parametrize('num_taps', [3, 5])
def test_rounds_like_the_direct_convolution(num_taps):
    x = torch.randn(1, 512, 500)
    weight = torch.randn(64, 512, num_taps) / (512 * num_taps)**0.5
    exact = reference(x.double(), weight.double())
    direct, minimal = ((form(x, weight, None) - exact).abs().max()
                       for form in FORMS)
    assert minimal < max(3 * direct, 1e-5)


@pytest.mark.parametrize('num_taps', range(1, 6))
def test_matrices_take_one_product_a_point(num_taps):
    outputs, taps, inputs = map(torch.from_numpy, module._matrices(num_taps))
    x = torch.randn(len(inputs)).double()
    w = torch.randn(num_taps).double()
    y = outputs @ ((taps @ w) * (inputs @ x))
    assert len(inputs) == num_taps + module.NUM_OUTPUTS - 1
    torch.testing.assert_close(y, F.conv1d(x[None, None], w[None, None])[0, 0])


@pytest.mark.parametrize('channels, out_channels, num_taps, dtype, minimal',
                         [(256, 256, 3, torch.float32, True),
                          (256, 300, 5, torch.float64, True),
                          (255, 256, 3, torch.float32, False),
                          (256, 255, 3, torch.float32, False),
                          (256, 256, 1, torch.float32, False),
                          (256, 256, 7, torch.float32, False),
                          (256, 256, 3, torch.bfloat16, False),
                          (256, 20, 3, torch.float32, False)])
def test_only_wide_layers_in_full_precision(channels, out_channels, num_taps,
                                            dtype, minimal, monkeypatch):
    found = []
    monkeypatch.setattr(module, '_minimal_conv',
                        lambda *args: found.append(args))
    x = torch.zeros(1, channels, 3, dtype=dtype)
    weight = torch.zeros(out_channels, channels, num_taps, dtype=dtype)
    conv1d(x, weight)
    assert bool(found) is minimal
    found.clear()
    conv1d(x.to('meta'), weight.to('meta'))
    with torch.autocast('cpu', torch.bfloat16):
        conv1d(x, weight)
    assert bool(found) is (minimal and dtype == torch.float64)


def test_training_works_after_a_call_in_inference_mode(monkeypatch):
    """Nothing that the call has made is kept for it."""
    monkeypatch.setattr(module, 'MIN_CHANNELS', 1)
    module._matrices.cache_clear()
    layer = MaskedConv1d(3, 4, 5)
    x, mask = torch.randn(2, 3, 9), torch.ones(2, 1, 9).bool()
    with torch.inference_mode():
        inferred = layer(x, mask)
    trained = layer(x, mask)
    trained.sum().backward()
    assert layer.weight.grad.any()
    torch.testing.assert_close(trained, inferred)
    torch.testing.assert_close(trained, reference(x, layer.weight, layer.bias))
    torch.optim.SGD(layer.parameters(), 0.1).step()
    with torch.inference_mode():
        torch.testing.assert_close(
            layer(x, mask), reference(x, layer.weight, layer.bias))


def test_a_layer_made_in_inference_mode_computes_too(monkeypatch):
    monkeypatch.setattr(module, 'MIN_CHANNELS', 1)
    with torch.inference_mode():
        layer = MaskedConv1d(3, 4, 5)
        x, mask = torch.randn(2, 3, 9), torch.ones(2, 1, 9).bool()
        for _ in range(2):
            torch.testing.assert_close(
                layer(x, mask), reference(x, layer.weight, layer.bias))
            layer.weight.mul_(2)
            layer.eval()
