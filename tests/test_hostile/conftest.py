import pytest


@pytest.fixture
def num_cases(request):
    """Wrong inputs that a test makes."""
    return request.config.getoption('--cases')
