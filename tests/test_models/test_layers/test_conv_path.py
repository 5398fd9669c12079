import pytest
import torch
import torch.nn.functional as F

from dyfadet_mm.models import ConvPath
from dyfadet_mm.structures import PackedPyramid, Pyramid


@pytest.mark.parametrize('kernel_size', [1, 3, 5])
@pytest.mark.parametrize('padding', ['published', 'ignored', 'opentad'])
def test_strided_outputs_are_those_of_the_whole(padding, kernel_size,
                                                randomise, make_pyramid):
    path = randomise(ConvPath(4, 5, kernel_size))
    strided = ConvPath(4, 5, kernel_size, stride=2).double()
    strided.load_state_dict(path.state_dict())
    pyramid = make_pyramid([9, 5], 11, 3, padding=padding)
    packed = PackedPyramid(pyramid.cells, kernel_size - 1)
    x = packed.pack(pyramid.feats)
    whole = path(x, packed)
    torch.testing.assert_close(
        strided(x, packed), whole[..., ::2], rtol=0, atol=1e-12)


def test_values_by_hand(make_cells, run_packed):
    path = ConvPath(1, 2)
    with torch.no_grad():
        path.conv.weight.copy_(torch.tensor([[[1., 0, -1]], [[0., 0, 0]]]))
        path.conv.bias.copy_(torch.tensor([0., 1.]))
        path.norm.weight.copy_(torch.tensor([2., 3.]))
        path.norm.bias.copy_(torch.tensor([0.5, 0.]))
    x = torch.tensor([[[3., 1., 7., 5.]]])
    # convolution: (-1, 1), (-4, 1), (-4, 1), padding; LN makes them -1 and 1
    expected = torch.tensor([[[-1.5, -1.5, -1.5, 0.], [3., 3., 3., 0.]]])
    [out] = run_packed(path, Pyramid.of([x], make_cells([3], 4)), 2)
    torch.testing.assert_close(out, expected, atol=1e-4, rtol=0)
    y = F.conv1d(x, path.conv.weight, path.conv.bias, padding=1)
    assert y[0, 0].tolist() == [-1, -4, -4, 7]


def test_even_kernels_are_refused():
    with pytest.raises(ValueError, match='odd and positive, but got 4'):
        ConvPath(4, 5, 4)
