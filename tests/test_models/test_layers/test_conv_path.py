import pytest
import torch
import torch.nn.functional as F

from dyfadet_mm.models import ConvPath
from dyfadet_mm.models.layers import PackedCells


@pytest.mark.parametrize('kernel_size', [1, 3, 5])
@pytest.mark.parametrize(
    'rows',
    [slice(None),
     slice(None, None, 2),
     slice(6, None),
     slice(3, 17, 4)])
def test_wanted_rows_are_those_of_the_whole_output(rows, kernel_size,
                                                   randomise, make_masks):
    path = randomise(ConvPath(4, 5, kernel_size))
    masks = make_masks([9, 5], 11, 3)
    cells = PackedCells(masks, kernel_size - 1)
    x = cells.pack(tuple(torch.randn(2, 4, m.size(2)).double() for m in masks))
    whole = path.forward_rows(x, cells)
    torch.testing.assert_close(
        path.forward_rows(x, cells, rows), whole[rows], rtol=0, atol=1e-12)


def test_values_by_hand():
    path = ConvPath(1, 2)
    with torch.no_grad():
        path.conv.weight.copy_(torch.tensor([[[1., 0, -1]], [[0., 0, 0]]]))
        path.conv.bias.copy_(torch.tensor([0., 1.]))
        path.norm.weight.copy_(torch.tensor([2., 3.]))
        path.norm.bias.copy_(torch.tensor([0.5, 0.]))
    x = torch.tensor([[[3., 1., 7., 5.]]])
    mask = torch.tensor([[[True, True, True, False]]])
    # convolution: (-1, 1), (-4, 1), (-4, 1), padding; LN makes them -1 and 1
    expected = torch.tensor([[[-1.5, -1.5, -1.5, 0.], [3., 3., 3., 0.]]])
    out = path(x, mask)
    torch.testing.assert_close(out, expected, atol=1e-4, rtol=0)
    y = F.conv1d(x, path.conv.weight, path.conv.bias, padding=1)
    assert y[0, 0].tolist() == [-1, -4, -4, 7]


def test_even_kernels_are_refused():
    with pytest.raises(ValueError, match='kernel_size must be odd, .* got 4'):
        ConvPath(4, 5, 4)
