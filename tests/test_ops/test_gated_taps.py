"""The gated taps against their reference, and both against loops."""
import importlib

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dyfadet_mm.ops import (gated_taps, gated_taps_reference, is_traced,
                            shifted_grid)

# the package has the function of that name
module = importlib.import_module('dyfadet_mm.ops.gated_taps')
FORMATIONS = ['c', 'k', 'ck']


def draw(formation,
         num_taps,
         length,
         stride,
         num_videos=2,
         channels=3,
         out_channels=2,
         seed=0):
    """Features, gate, weight and bias, which need gradients."""
    generator = torch.Generator().manual_seed(seed)
    shapes = [(num_videos, channels, length),
              (num_videos, channels if 'c' in formation else 1,
               num_taps if 'k' in formation else 1, -(-length // stride)),
              (out_channels, channels, num_taps), (out_channels, )]
    return [
        torch.randn(shape, generator=generator,
                    dtype=torch.float64).requires_grad_() for shape in shapes
    ]


def slow(x, gate, weight, bias, stride, power):
    """``sum_s W_s (M_s(r t) x_s(r t)^p) + b``, number by number."""
    num_videos, channels, length = x.shape
    out_channels, _, num_taps = weight.shape
    gate = gate.expand(-1, channels, num_taps, -1)
    out = torch.zeros(num_videos, out_channels, gate.size(3)).double()
    for b in range(num_videos):
        for o in range(out_channels):
            for t in range(gate.size(3)):
                out[b, o, t] = bias[o]
                for s in range(num_taps):
                    source = stride * t + s - num_taps // 2
                    if 0 <= source < length:
                        for c in range(channels):
                            out[b, o, t] += (
                                weight[o, c, s] * gate[b, c, s, t] *
                                x[b, c, source]**power)
    return out


@pytest.mark.parametrize('formation', FORMATIONS)
@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('num_taps, length', [(3, 5), (5, 4), (1, 2), (3, 1)])
@pytest.mark.parametrize('power', [1, 2])
@torch.no_grad()
def test_both_forms_equal_the_loops(formation, stride, num_taps, length,
                                    power):
    inputs = draw(formation, num_taps, length, stride)
    expected = slow(*inputs, stride, power)
    for form in (gated_taps, gated_taps_reference):
        torch.testing.assert_close(form(*inputs, stride, power), expected)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    formation=st.sampled_from(FORMATIONS),
    num_taps=st.sampled_from([1, 3, 5, 7]),
    length=st.integers(1, 40),
    stride=st.sampled_from([1, 2, 3]),
    power=st.sampled_from([1, 2, 3]),
    num_videos=st.integers(1, 3),
    block=st.sampled_from([1, 60, 2**20]),
    seed=st.integers(0, 99))
def test_fast_form_equals_its_reference(formation, num_taps, length, stride,
                                        power, num_videos, block, seed):
    """Outputs and gradients, in one block or many."""
    inputs = draw(formation, num_taps, length, stride, num_videos, seed=seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, 'BLOCK_SIZE', block)
        ours = gated_taps(*inputs, stride, power)
        weight = torch.randn_like(ours)
        ours = ours, *torch.autograd.grad(ours, inputs, weight)
    theirs = gated_taps_reference(*inputs, stride, power)
    theirs = theirs, *torch.autograd.grad(theirs, inputs, weight)
    for x, y in zip(ours, theirs):
        torch.testing.assert_close(x, y, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize('formation', FORMATIONS)
@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('num_videos, length', [(1, 4), (2, 5)])
@pytest.mark.parametrize('power', [1, 2])
def test_gradients_are_those_of_the_function(formation, stride, num_videos,
                                             length, power):
    inputs = draw(formation, 3, length, stride, num_videos, channels=2)
    assert torch.autograd.gradcheck(
        lambda *inputs: gated_taps(*inputs, stride, power), inputs)


def test_weighed_taps_are_not_kept_for_the_backward_pass():
    """Saved are features, gate and weight, none of them K times or squared."""
    inputs = draw('c', 5, 50, 1, num_videos=1, channels=8)
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(
            lambda x: saved.append(x) or x, lambda x: x):
        gated_taps(*inputs, power=2)
    assert saved and max(x.numel() for x in saved) <= 8 * (50 + 5 * 2)
    assert inputs[0].data_ptr() in [x.data_ptr() for x in saved]


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_autocast_decides_the_dtype(dtype):
    inputs = [x.detach().float() for x in draw('c', 3, 9, 1)]
    expected = gated_taps(*inputs, power=2)
    with torch.autocast('cpu', dtype):
        out = gated_taps(*inputs, power=2)
    assert out.dtype == dtype and expected.dtype == torch.float32
    torch.testing.assert_close(out.float(), expected, rtol=0.1, atol=0.1)


def test_traced_graphs_hold_the_reference():
    inputs = [x.detach() for x in draw('ck', 3, 9, 2)]
    seen = []

    def run(x):
        seen.append(is_traced())
        return gated_taps(x, *inputs[1:], 2)

    traced = torch.jit.trace(run, inputs[0], check_trace=False)
    assert seen == [True]
    assert not is_traced() and '_GatedTaps' not in str(traced.graph)
    other = torch.randn_like(inputs[0])
    torch.testing.assert_close(
        traced(other), gated_taps(other, *inputs[1:], 2))


@pytest.mark.parametrize('num_taps', [1, 3, 5])
@pytest.mark.parametrize('length', [1, 2, 7])
def test_shifted_grid_by_its_definition(num_taps, length):
    x = torch.randn(2, 3, length)
    out = shifted_grid(x, num_taps)
    assert out.shape == (2, 3, num_taps, length)
    for s in range(num_taps):
        for t in range(length):
            source = t + s - num_taps // 2
            expected = torch.zeros(2, 3)
            if 0 <= source < length:
                expected = x[..., source]
            assert torch.equal(out[:, :, s, t], expected)
