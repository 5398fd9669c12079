import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_layers import slow_shift

from dyfadet_mm.models.layers import PackedCells, last_valid
from dyfadet_mm.models.layers.packing import take_rows, tap_rows

LENGTHS = st.lists(st.integers(0, 12), min_size=1, max_size=3)


def masks_and_cells(lengths, total, num_levels, reach, **kwargs):
    cells = torch.arange(total) < torch.tensor(lengths)[:, None, None]
    masks = tuple(cells[..., ::2**level] for level in range(num_levels))
    return masks, PackedCells(masks, reach, **kwargs)


@settings(deadline=None, max_examples=50)
@given(
    lengths=LENGTHS,
    extra=st.integers(0, 9),
    num_levels=st.integers(1, 4),
    reach=st.integers(0, 6),
    ignore=st.booleans())
def test_packing_and_unpacking_keep_the_cells(lengths, extra, num_levels,
                                              reach, ignore):
    total = max(*lengths, 1) + extra
    masks, cells = masks_and_cells(
        lengths, total, num_levels, reach, ignore_padding=ignore)
    feats = tuple(torch.randn(len(lengths), 3, m.size(2)) for m in masks)
    rows = cells.pack(feats)
    assert rows.shape == (cells.num_rows, 3) and cells.num_rows % 32 == 0
    assert not rows[~cells.inside[:, 0]].any()
    assert cells.valid.sum() == sum(mask.sum() for mask in masks)
    assert not (cells.valid & ~cells.inside).any()
    for x, y, mask in zip(feats, cells.unpack(rows), masks):
        for video in range(len(lengths)):
            count = int(last_valid(mask)[video])
            kept = max(count, 1) + (0 if ignore else reach)
            assert torch.equal(x[video, :, :kept], y[video, :, :kept])
            assert not y[video, :, kept:].any()


@settings(deadline=None, max_examples=30)
@given(lengths=LENGTHS, num_levels=st.integers(1, 3), reach=st.integers(0, 5))
def test_gaps_keep_the_grids_apart(lengths, num_levels, reach):
    _, cells = masks_and_cells(lengths, 12, num_levels, reach)
    first, last = cells.end_rows(1)[..., 0]
    assert (first % 2 == 0).all()
    starts = [*first.tolist(), cells.num_rows + reach]
    ends = [-1, *last.tolist()]
    assert all(start - end > reach for start, end in zip(starts, ends))
    inside = torch.zeros(cells.num_rows, dtype=torch.bool)
    for start, end in zip(first.tolist(), last.tolist()):
        inside[start:end + 1] = True
    assert torch.equal(cells.inside[:, 0], inside)


def test_neighbouring_levels_by_hand():
    """Grids of 5, 3 and 2 cells, all valid, with a gap of one row.

    Zeros are gaps and what fills the last rows.
    """
    _, cells = masks_and_cells([5], 5, 3, 1)
    rows = cells.pack(
        tuple(
            torch.tensor([values])[:, None].float()
            for values in ([1, 2, 3, 4, 5], [10, 20, 30], [100, 200])))[:, 0]
    assert rows[:16].tolist() == [
        0, 0, 1, 2, 3, 4, 5, 0, 10, 20, 30, 0, 100, 200, 0, 0
    ]
    finer = cells.from_finer(rows[::2, None])[:, 0]
    assert finer[:16].tolist() == [
        0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 5, 0, 10, 30, 0, 0
    ]
    assert cells.second_level == 8
    coarser = cells.from_coarser(rows[8:, None])[:, 0]
    assert coarser[:16].tolist() == [
        0, 0, 10, 10, 20, 20, 30, 0, 100, 100, 200, 0, 0, 0, 0, 0
    ]


def test_a_padded_cell_without_a_kept_neighbour_gets_zero():
    """Cells far behind the end of a video are not there."""
    _, cells = masks_and_cells([2], 12, 2, 2)
    feats = torch.ones(1, 1, 12), torch.ones(1, 1, 6)
    rows = cells.pack(feats)
    assert rows.sum() == 4 + 3
    finer = cells.unpack(cells.from_finer(rows[::2]))[1]
    assert finer[0, 0].tolist() == [1, 1, 0, 0, 0, 0]


def test_last_valid_cell_counts_holes():
    mask = torch.tensor([[1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1]])
    assert last_valid(mask[:, None]).tolist() == [3, 0, 4]
    assert last_valid(mask[:, None].double()).tolist() == [3, 0, 4]


@settings(deadline=None, max_examples=30)
@given(
    num_taps=st.sampled_from([1, 3, 5, 7]),
    length=st.integers(1, 9),
    start=st.integers(0, 4),
    step=st.sampled_from([1, 2]))
def test_taps_equal_the_definition_of_the_shift(num_taps, length, start, step):
    x = torch.randn(length, 2).double()
    rows = slice(min(start, length - 1), None, step)
    expected = torch.from_numpy(slow_shift(x.t().numpy(), num_taps))
    taps = tap_rows(x, num_taps, rows)
    assert len(taps) == num_taps
    for s, tap in enumerate(taps):
        assert torch.equal(tap, expected[:, s].t()[rows])


@pytest.mark.parametrize('rows', [slice(None), slice(1, None, 2)])
def test_gradients_of_taps(rows):
    x = torch.randn(7, 2, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(lambda x: tap_rows(x, 5, rows), x)


def test_gradients_of_gathered_rows():
    x = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    index = torch.tensor([3, 4, 0, 0, 2])  # 4 is zero, row 1 is not used
    uses = torch.tensor([[2, 3], [5, 5], [4, 5], [0, 5]])
    out = take_rows(x, index, uses)
    assert torch.equal(out[[0, 2, 3, 4]], x[[3, 0, 0, 2]])
    assert not out[1].any()
    torch.autograd.gradcheck(lambda x: take_rows(x, index, uses), x)


@pytest.mark.parametrize('num_levels', [1, 3])
def test_gradients_through_the_layout(num_levels):
    masks, cells = masks_and_cells([7, 0, 4], 9, num_levels, 2)
    feats = [
        torch.randn(3, 2, m.size(2), dtype=torch.float64, requires_grad=True)
        for m in masks
    ]

    def there_and_back(*feats):
        rows = cells.pack(feats)
        if cells.is_pyramid:
            rows = rows + cells.from_finer(rows[::2]) + cells.from_coarser(
                rows[cells.second_level:])
        return cells.unpack(rows)

    torch.autograd.gradcheck(there_and_back, feats)
