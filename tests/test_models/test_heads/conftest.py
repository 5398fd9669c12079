import pytest

from dyfadet_mm.models import ConvHead, ConvMultiScaleHead, DyHead

RANGES = ((0, 4), (4, 8), (8, 16), (16, 1e4))


def _make_head(kind='c', num_levels=3, **kwargs):
    options = dict(
        num_classes=3,
        in_channels=4,
        feat_channels=5,
        regression_ranges=RANGES[-num_levels:])
    options.update(kwargs)
    if kind == 'static':
        return ConvHead(**options)
    if kind == 'convms':
        return ConvMultiScaleHead(**options)
    return DyHead(formation=kind, **options)


@pytest.fixture(scope='session')
def make_head():
    """A tiny head: 'static', 'convms', or dynamic: 'c', 'k' or 'ck'."""
    return _make_head
