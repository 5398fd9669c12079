"""The published DyFADet's outputs on random weights, reproduced."""
import pytest
from parity import Parity, golden_files, load


@pytest.fixture(scope='module', params=golden_files(), ids=lambda x: x.stem)
def golden(request):
    return load(request.param)


class TestDyFADet(Parity):
    """Names of the tests are those of :class:`Parity`."""
