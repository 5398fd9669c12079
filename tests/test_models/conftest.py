import pytest
import torch
from torch import nn


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
    return module


@pytest.fixture(scope='session')
def randomise():
    """Fill a module with random numbers in float64."""
    return _randomise


def _make_masks(lengths, total, num_levels=1):
    cells = torch.arange(total) < torch.tensor(lengths)[:, None, None]
    return tuple(cells[..., ::2**level] for level in range(num_levels))


@pytest.fixture(scope='session')
def make_masks():
    """Valid cells of every level, (B, 1, T_l) bool each."""
    return _make_masks
