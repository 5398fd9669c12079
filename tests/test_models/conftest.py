import pytest
import torch
from torch import nn

from dyfadet_mm.structures import Cells, PackedPyramid, Pyramid


@pytest.fixture(autouse=True, scope='session')
def one_thread():
    """Threads cost tensors this small far more than they give."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seed():
    """Every test draws the same numbers each time."""
    torch.manual_seed(0)


def _randomise(module: nn.Module, seed: int = 0) -> nn.Module:
    """Random double parameters, so that no term of a formula vanishes."""
    generator = torch.Generator().manual_seed(seed)
    module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(
                parameter.shape, generator=generator, dtype=torch.float64)
            parameter.copy_(0.4 * noise + 0.2)
    return module.train(module.training)  # which settles what is derived


@pytest.fixture(scope='session')
def randomise():
    """Fill a module with random numbers in float64."""
    return _randomise


def _make_cells(lengths, total, padding='published'):
    return Cells.of(lengths, total, 'cpu', padding)


@pytest.fixture(scope='session')
def make_cells():
    """Cells of videos of these lengths, ``total`` with padding."""
    return _make_cells


def _make_pyramid(lengths, total, num_levels, channels=4, padding='published'):
    cells = _make_cells(lengths, total, padding)
    pyramid = Pyramid.of((None, ) * num_levels, cells)
    return pyramid._replace(
        feats=tuple(
            torch.randn(len(mask), channels, mask.size(2)).double() * mask
            for mask in pyramid.masks))


@pytest.fixture(scope='session')
def make_pyramid():
    """Random features in float64, zero on padding, and their cells."""
    return _make_pyramid


def _run_packed(module, pyramid, reach):
    packed = PackedPyramid(pyramid.cells, reach)
    return packed.unpack(module(packed.pack(pyramid.feats), packed))


@pytest.fixture(scope='session')
def run_packed():
    """Run a path, a tower or a layer of one, and return level by level."""
    return _run_packed
