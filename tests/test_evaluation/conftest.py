import pytest
from mmengine.logging import MMLogger


@pytest.fixture
def log(caplog):
    """What the current logger gets."""
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)
