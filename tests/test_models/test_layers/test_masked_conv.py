import pytest
import torch
from slow_layers import slow_conv

from dyfadet_mm.models import MaskedConv1d


@pytest.mark.parametrize('groups, bias', [(1, True), (2, False), (4, True)])
@pytest.mark.parametrize('kernel_size, length', [(1, 4), (3, 5), (5, 3),
                                                 (3, 1), (5, 2)])
def test_conv_equals_its_definition(kernel_size, length, groups, bias,
                                    randomise, make_cells):
    conv = randomise(MaskedConv1d(4, 8, kernel_size, 1, groups, bias))
    x = torch.randn(2, 4, length).double()
    mask = make_cells([length, (length + 1) // 2], length).mask
    out = conv(x, mask)
    for video in range(2):
        expected = slow_conv(x[video].numpy(), conv, groups)
        expected = torch.from_numpy(expected) * mask[video]
        torch.testing.assert_close(out[video], expected)


def test_padding_is_zero(make_cells):
    mask = make_cells([6, 2], 6).mask
    assert not MaskedConv1d(4, 3, 3)(torch.randn(2, 4, 6), mask)[1, :,
                                                                 2:].any()


def test_every_parameter_gets_a_gradient():
    conv = MaskedConv1d(4, 3, 3)
    conv(torch.randn(1, 4, 6), torch.ones(1, 1, 6)).pow(2).sum().backward()
    assert all(parameter.grad.any() for parameter in conv.parameters())


def test_even_kernels_are_refused():
    with pytest.raises(
            ValueError,
            match='kernel_size must be odd and positive, but got 2'):
        MaskedConv1d(4, 3, 2)
