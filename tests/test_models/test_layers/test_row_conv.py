import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from dyfadet_mm.models.layers import row_conv
from dyfadet_mm.models.layers.row_conv import (conv_rows, direct_kernel,
                                               minimal_kernel, saves_products,
                                               transforms)

LAYOUTS = [direct_kernel, minimal_kernel]


def reference(x, taps, bias):
    """Rows (N, C), taps (J, C, O)."""
    y = F.conv1d(
        x.t()[None], taps.permute(2, 1, 0), bias, padding=len(taps) // 2)
    return y[0].t()


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    lay_out=st.sampled_from(LAYOUTS),
    half=st.integers(0, 6),
    num_rows=st.integers(1, 40),
    channels=st.integers(1, 5),
    out_channels=st.integers(1, 18),
    with_bias=st.booleans(),
    seed=st.integers(0, 99))
def test_equals_a_convolution_and_its_gradients(lay_out, half, num_rows,
                                                channels, out_channels,
                                                with_bias, seed):
    torch.manual_seed(seed)
    leaves = [
        torch.randn(num_rows, channels),
        torch.randn(2 * half + 1, channels, out_channels),
        torch.randn(out_channels)
    ][:2 + with_bias]
    x, taps, *bias = leaves = [v.double().requires_grad_() for v in leaves]
    bias = bias[0] if bias else None
    ours = conv_rows(x, lay_out(taps), bias)
    theirs = reference(x, taps, bias)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)
    weight = torch.randn_like(theirs)
    for ours, theirs in zip(
            torch.autograd.grad(ours, leaves, weight),
            torch.autograd.grad(theirs, leaves, weight)):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


def test_more_rows_than_fit_one_block(monkeypatch):
    monkeypatch.setattr(row_conv, 'MIN_BLOCK', 2)
    monkeypatch.setattr(row_conv, 'BLOCK_SIZE', 1)
    x, taps = torch.randn(43, 3).double(), torch.randn(9, 3, 4).double()
    x.requires_grad_()
    ours = conv_rows(x, minimal_kernel(taps))
    theirs = reference(x, taps, None)
    torch.testing.assert_close(ours, theirs)
    weight = torch.randn_like(ours)
    torch.testing.assert_close(*(torch.autograd.grad(y, x, weight)
                                 for y in (ours, theirs)))


@pytest.mark.parametrize('num_taps', [3, 5, 9])
def test_rounds_like_the_direct_convolution(num_taps):
    x = torch.randn(500, 512)
    taps = torch.randn(num_taps, 512, 64) / (512 * num_taps)**0.5
    exact = reference(x.double(), taps.double(), None)
    direct, minimal = ((conv_rows(x, lay_out(taps)) - exact).abs().max()
                       for lay_out in LAYOUTS)
    assert minimal < max(3 * direct, 1e-5)


@pytest.mark.parametrize('num_taps', range(1, 6))
def test_matrices_take_one_product_a_point(num_taps):
    outputs, taps, inputs = transforms(num_taps, torch.float64)
    x = torch.randn(len(inputs)).double()
    w = torch.randn(num_taps).double()
    y = outputs @ ((taps @ w) * (inputs @ x))
    assert len(inputs) == num_taps + row_conv.NUM_OUTPUTS - 1
    torch.testing.assert_close(y, F.conv1d(x[None, None], w[None, None])[0, 0])


def test_only_wide_layers_in_full_precision():
    wide, narrow = torch.zeros(3, 256), torch.zeros(3, 255)
    assert saves_products(wide, 256) and saves_products(wide.double(), 512)
    assert not saves_products(wide, 20) and not saves_products(narrow, 512)
    assert not saves_products(wide.bfloat16(), 512)
    with torch.autocast('cpu', torch.bfloat16):
        assert not saves_products(wide, 512)
