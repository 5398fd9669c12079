"""The folded convolution of the shifted grid against its definition."""
import importlib

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from dyfadet_mm.ops import shift_sums, shifted_conv, shifted_conv_reference

# the package has the function of that name
conv1d = importlib.import_module('dyfadet_mm.ops.conv1d')


@pytest.fixture(autouse=True, params=['direct', 'minimal filtering'])
def convolution(request):
    """Both ways to convolve, of which width decides otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param != 'direct':
            patch.setattr(conv1d, 'MIN_CHANNELS', 1)
        yield


def convolve(x, weight, bias, ends):
    sums = shift_sums(weight.size(2)).to(weight)
    return shifted_conv(x, weight, bias, sums, ends)


LENGTHS = st.lists(st.integers(1, 12), min_size=1, max_size=3)


def lay_out(grids, pad):
    """Grids (C, T) in a row with gaps of 2 pad cells, and their ends."""
    gap = grids[0].new_zeros(len(grids[0]), max(2 * pad, 1))
    row, ends = [], []
    for grid in grids:
        first = sum(x.size(1) for x in row)
        row += [grid, gap]
        ends.append((first, first + grid.size(1) - 1))
    row = torch.cat(row, 1)
    steps = torch.arange(pad)
    first, last = torch.tensor(ends).t()
    ends = torch.stack((first[:, None] + steps, last[:, None] - steps))
    return row[None], ends % row.size(1)


def draw(channels, out_channels, num_taps):
    return (torch.randn(out_channels, channels * num_taps,
                        num_taps).double(), torch.randn(out_channels).double())


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    num_taps=st.sampled_from([1, 3, 5, 7]),
    lengths=LENGTHS,
    bias=st.booleans(),
    seed=st.integers(0, 99))
def test_fast_form_equals_its_reference(num_taps, lengths, bias, seed):
    """Outputs of every grid and gradients, short grids as well."""
    torch.manual_seed(seed)
    weight, offset = draw(2, 3, num_taps)
    offset = offset if bias else None
    grids = [torch.randn(2, length).double() for length in lengths]
    leaves = [weight.requires_grad_(), *(x.requires_grad_() for x in grids)]
    row, ends = lay_out(grids, num_taps // 2)
    out = convolve(row, weight, offset, ends)[0]
    ours, theirs, start = [], [], 0
    for grid in grids:
        ours.append(out[:, start:start + grid.size(1)])
        start += grid.size(1) + max(num_taps - 1, 1)
        theirs.append(shifted_conv_reference(grid[None], weight, offset)[0])
    ours, theirs = torch.cat(ours, 1), torch.cat(theirs, 1)
    cotangent = torch.randn_like(theirs)
    for x, y in zip((ours, *torch.autograd.grad(ours, leaves, cotangent)),
                    (theirs, *torch.autograd.grad(theirs, leaves, cotangent))):
        torch.testing.assert_close(x, y, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize('num_taps, length', [(3, 4), (5, 3), (3, 1)])
@torch.no_grad()
def test_reference_equals_its_loops(num_taps, length):
    """Twice over the cells, number by number."""
    weight, bias = draw(2, 3, num_taps)
    x, middle = torch.randn(1, 2, length).double(), num_taps // 2

    def shifted(c, a, u):
        source = u + a - middle
        inside = 0 <= u < length and 0 <= source < length
        return x[0, c, source] if inside else 0.

    out = shifted_conv_reference(x, weight, bias)
    for o in range(3):
        for t in range(length):
            total = bias[o].clone()
            for c in range(2):
                for a in range(num_taps):
                    for j in range(num_taps):
                        total += weight[o, c * num_taps + a, j] * shifted(
                            c, a, t + j - middle)
            torch.testing.assert_close(out[0, o, t], total)


@pytest.mark.parametrize('num_taps', [1, 3, 5])
def test_gradients_are_those_of_the_function(num_taps):
    weight, bias = draw(2, 2, num_taps)
    row, ends = lay_out(
        [torch.randn(2, 3).double(),
         torch.randn(2, 1).double()], num_taps // 2)
    leaves = [x.requires_grad_() for x in (row, weight, bias)]

    def run(row, weight, bias):
        # the gaps are no input: they are zero
        row = F.pad(row[..., :3], (0, row.size(2) - 3)) + F.pad(
            row[..., 3 + max(num_taps - 1, 1):][..., :1],
            (3 + max(num_taps - 1, 1), max(num_taps - 1, 1)))
        return convolve(row, weight, bias, ends)

    assert torch.autograd.gradcheck(run, leaves)


@pytest.mark.parametrize('num_taps', [1, 3, 5])
def test_one_convolution_of_2k_minus_1_taps(num_taps):
    weight, bias = draw(20, 30, num_taps)
    row, ends = lay_out([torch.randn(20, 200).double()], num_taps // 2)
    with FlopCounterMode(display=False) as counter:
        convolve(row, weight, bias, ends)
    products = {str(k): v for k, v in counter.flop_counts['Global'].items()}
    assert products.get('aten.convolution',
                        0) in (0,
                               2 * 20 * 30 * (2 * num_taps - 1) * row.size(2))
    by_taps = 2 * 20 * 30 * num_taps**2 * row.size(2)  # as it is defined
    assert num_taps == 1 or sum(products.values()) < by_taps
