"""The published DyFADet's outputs on random weights, reproduced."""
import pytest
from parity import (Parity, as_batch, as_sample,  # noqa: F401
                    assert_levels_close, assert_same_detections, golden_files,
                    load)


@pytest.fixture(scope='module', params=golden_files(), ids=lambda x: x.stem)
def golden(request):
    return load(request.param)


class TestDyFADet(Parity):
    """Names of the tests are those of :class:`Parity`."""
