import math

import pytest
import torch

from dyfadet_mm.models import SinusoidPosition
from dyfadet_mm.models.layers.position import sinusoid_table


@pytest.mark.parametrize('channels', [4, 5, 16])
def test_table_equals_its_definition(channels):
    table = sinusoid_table(50, channels)
    assert table.shape == (1, channels, 50)
    for j in range(channels):
        wave = math.cos if j % 2 else math.sin
        for pos in range(50):
            angle = pos / 10000**(2 * (j // 2) / channels)
            assert table[0, j, pos].item() == pytest.approx(
                wave(angle), abs=1e-6)


@pytest.mark.parametrize('length', [1, 2, 3, 7, 8])
@pytest.mark.parametrize('training', [True, False])
def test_short_grids_read_the_first_rows(length, training, make_cells):
    layer = SinusoidPosition(6, 8).train(training)
    x = torch.randn(2, 6, length)
    expected = x + sinusoid_table(length, 6) / math.sqrt(6)
    torch.testing.assert_close(
        layer(x, make_cells([length] * 2, length)), expected)


@pytest.mark.parametrize('length', [9, 13, 16])
def test_long_grids_stretch_the_table_linearly(length, make_cells):
    layer = SinusoidPosition(4, 8).eval()
    out = layer(torch.zeros(1, 4, length), make_cells([length], length))
    table = sinusoid_table(8, 4)[0] / 2
    for t in range(length):
        # centres of the cells: align_corners is False
        row = min(max((t + 0.5) * 8 / length - 0.5, 0), 7)
        left, part = int(row), row - int(row)
        right = min(left + 1, 7)
        expected = (1 - part) * table[:, left] + part * table[:, right]
        torch.testing.assert_close(out[0, :, t], expected)


def test_padding_gets_no_position(make_cells):
    cells = make_cells([6, 2], 6)
    out = SinusoidPosition(4, 8)(torch.zeros(2, 4, 6), cells)
    assert out[0].any(0).all() and not out[1, :, 2:].any()


def test_table_is_neither_saved_nor_trained_and_follows_the_type(make_cells):
    layer = SinusoidPosition(4, 8)
    assert not layer.state_dict() and not list(layer.parameters())
    out = layer(torch.zeros(1, 4, 3).half(), make_cells([3], 3))
    assert out.dtype == torch.float16
