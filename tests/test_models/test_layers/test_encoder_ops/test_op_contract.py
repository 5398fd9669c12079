"""What every Op of the encoder has in common."""
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from slow_encoder_ops import any_case, make_input

from dyfadet_mm.models import (DeformConv1d, DFAConv1d, DynamicConv1d,
                               PlainConv1d, TD3dConv1d)

OWN_OPS = [
    DeformConv1d, TD3dConv1d, DynamicConv1d,
    *(partial(DFAConv1d, formation=name) for name in ('c', 'k', 'ck'))
]
OPS = [PlainConv1d, *OWN_OPS]


@any_case(
    op=st.sampled_from(OPS),
    stride=st.sampled_from([1, 2, 3]),
    kernel_size=st.sampled_from([1, 3, 7]))
def test_outputs_have_their_length_and_finite_gradients(
        op, stride, kernel_size, length, valid, seed):
    torch.manual_seed(seed)
    op = op(3, 8, kernel_size, stride)
    op.init_weights()
    x, cells = make_input(3, length, valid, seed)
    x = x.float().requires_grad_()
    out = op(x, cells)
    assert out.shape == (2, 8, -(-length // stride))
    assert out.isfinite().all()
    assert not (out * ~cells.mask[..., ::stride]).any()
    out.pow(2).sum().backward()
    for tensor in (x, *op.parameters()):
        assert tensor.grad.isfinite().all()


@any_case(
    op=st.sampled_from(OWN_OPS),
    stride=st.sampled_from([1, 2, 3]),
    extra=st.integers(1, 9))
def test_outputs_depend_on_neither_padding_nor_batch(op, stride, extra, length,
                                                     valid, seed, randomise,
                                                     make_cells):
    op = randomise(op(3, 8, 3, stride), seed)
    assert op.reach == 0
    x, cells = make_input(3, length, valid, seed)
    longer = F.pad(x, (0, extra), value=7.)
    together = op(longer, make_cells(cells.lengths, length + extra))
    for video, count in enumerate(cells.lengths):
        alone = op(x[video:video + 1], make_cells([count], length))
        torch.testing.assert_close(
            together[video, :, :alone.size(2)], alone[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize('op', OPS)
def test_every_parameter_gets_a_gradient(op, randomise):
    op = randomise(op(3, 8))
    x, cells = make_input(3, 9, 6, 0)
    out = op(x, cells)
    (out * torch.randn_like(out)).sum().backward()
    for name, parameter in op.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


@pytest.mark.parametrize('op', OPS)
def test_ops_run_in_mixed_precision(op):
    op = op(3, 8)
    op.init_weights()
    x, cells = make_input(3, 9, 6, 0)
    x = x.float()
    full = op(x, cells)
    with torch.autocast('cpu', torch.bfloat16):
        half = op(x, cells)
        half.sum().backward()
    torch.testing.assert_close(half.float(), full, rtol=0.05, atol=0.05)


@pytest.mark.parametrize('op', OPS)
@pytest.mark.parametrize('kernel_size', [2, 4])
def test_even_kernels_are_refused(op, kernel_size):
    with pytest.raises(
            ValueError,
            match=f'kernel_size must be odd and positive, but got '
            f'{kernel_size}'):
        op(3, 8, kernel_size)
