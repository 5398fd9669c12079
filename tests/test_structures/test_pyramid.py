import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dyfadet_mm.structures import Cells, PackedPyramid, Padding, Pyramid

PADDINGS = [each.value for each in Padding]
EVERY_PADDING = pytest.mark.parametrize('padding', PADDINGS)


def slow_masks(mask, num_levels, padding):
    """Valid cells of every level of one video, as lists."""
    levels = [mask]
    while len(levels) < num_levels:
        fine = levels[-1]
        levels.append([
            any(fine[max(t - 1, 0):t + 2]) if padding == 'opentad' else fine[t]
            for t in range(0, len(fine), 2)
        ])
    return levels


def layouts(test):
    """Pyramids of all kinds: lengths, padding and levels."""
    return settings(
        deadline=None, derandomize=True, max_examples=60)(
            given(
                lengths=st.lists(st.integers(0, 70), min_size=1, max_size=3),
                extra=st.integers(0, 70),
                num_levels=st.integers(1, 5),
                reach=st.integers(0, 4),
                padding=st.sampled_from(PADDINGS))(
                    example([1], 0, 1, 0,
                            'published')(example([1, 1], 0, 3, 4, 'published')(
                                example([7, 1], 0, 2, 2, 'ignored')(test)))))


def make(lengths, extra, num_levels, reach, padding):
    """Random features, zero on padding if this is ignored, and the layout."""
    total = max(*lengths, 1) + extra
    pyramid = Pyramid.of((None, ) * num_levels,
                         Cells.of(lengths, total, 'cpu', padding))
    feats = tuple(
        cells.clean(torch.randn(len(lengths), 2, cells.mask.size(2)).double())
        for cells in pyramid.cells)
    return Pyramid(feats, pyramid.cells), PackedPyramid(pyramid.cells, reach)


def grids(pyramid, packed):
    """Places of the kept cells of every grid, in the order of the row."""
    numbers = []
    for mask in pyramid.masks:
        first = 1 + sum(x.numel() for x in numbers)
        numbers.append(
            torch.arange(first, first + mask.numel()).view(mask.shape))
    row = packed.pack(numbers)[0, 0]
    return [
        torch.isin(row, video).nonzero()[:, 0] for level in numbers
        for video in level
    ]


@layouts
def test_cells_of_every_level(lengths, extra, num_levels, reach, padding):
    total = max(*lengths, 1) + extra
    levels = Pyramid.of((None, ) * num_levels,
                        Cells.of(lengths, total, 'cpu', padding)).cells
    for video, length in enumerate(lengths):
        mask = [t < length for t in range(total)]
        for cells, expected in zip(levels, slow_masks(mask, num_levels,
                                                      padding)):
            assert cells.padding is Padding(padding)
            assert cells.mask[video, 0].tolist() == expected
            assert cells.lengths[video] == sum(expected)
            assert sum(expected) <= cells.extents[video] <= len(expected)
        # all of a video, or at least one cell of padding
        assert total == length or levels[0].extents[video] > length
        assert levels[0].extents[video] in (total, *range(0, total, 32))


@settings(deadline=None, derandomize=True, max_examples=30)
@given(
    mask=st.lists(st.booleans(), min_size=1, max_size=40),
    padding=st.sampled_from(PADDINGS))
def test_masks_with_holes_keep_all_cells(mask, padding):
    cells = Cells(torch.tensor([[mask]]), padding)
    expected = slow_masks(mask, 4, padding)
    pyramid = Pyramid.of((None, ) * 4, cells)
    for level, valid in zip(pyramid.cells, expected):
        assert level.mask[0, 0].tolist() == valid
        assert level.extents == level.lengths == [len(valid)]
    feats = [torch.randn(mask.shape) for mask in pyramid.masks]
    packed = PackedPyramid(pyramid.cells, 2)
    assert all(map(torch.equal, packed.unpack(packed.pack(feats)), feats))


@EVERY_PADDING
@pytest.mark.parametrize('stride', [1, 2, 3])
@pytest.mark.parametrize('length', [0, 1, 6, 7])
def test_cells_behind_a_layer_with_a_stride(stride, length, padding):
    cells = Cells.of([length], 7, 'cpu', padding)
    behind = cells.at(stride)
    assert behind.mask.size(2) == -(-7 // stride)
    assert behind.lengths == [int(behind.mask.sum())]
    assert cells.at(1) is cells and cells.at(2) is cells.halved


@EVERY_PADDING
def test_a_cut_keeps_the_first_cells(padding):
    cells = Cells.of([2, 40], 70, 'cpu', padding)
    assert cells.cut(70) is cells and cells.cut(99) is cells
    cut = cells.cut(36)
    assert torch.equal(cut.mask, cells.mask[..., :36])
    assert (cut.lengths, cut.extents) == ([2, 36], [32, 36])
    assert cut.padding is cells.padding


def test_the_last_cell_stands_for_those_that_were_cut_off():
    cells = Cells.of([3], 30, 'cpu')
    assert cells.repeats is None and cells.halved.repeats is None
    cut = cells.cut(8)
    assert cut.repeats.tolist() == [[[1] * 7 + [23]]]
    assert cut.halved.repeats.tolist() == [[[1] * 3 + [12]]]  # of 15
    assert cut.halved.halved.repeats.tolist() == [[[1, 7]]]  # of 8
    ignored = Cells.of([3], 30, 'cpu', 'ignored').cut(4)
    assert ignored.repeats.tolist() == [[[1, 1, 1, 0]]]


@EVERY_PADDING
def test_only_ignored_padding_counts_for_nothing(padding):
    cells, x = Cells.of([2], 3, 'cpu', padding), torch.ones(1, 1, 3)
    ignored = padding == 'ignored'
    assert cells.clean(x).tolist() == [[[1, 1, 0 if ignored else 1]]]
    assert (cells.counted is None) is not ignored


def test_padding_is_one_of_four():
    with pytest.raises(ValueError, match="'none' is not a valid Padding"):
        Cells.of([2], 3, 'cpu', 'none')


@layouts
def test_packing_and_unpacking_keep_the_cells(lengths, extra, num_levels,
                                              reach, padding):
    pyramid, packed = make(lengths, extra, num_levels, reach, padding)
    row, cells = packed.pack(pyramid.feats), packed
    assert row.shape == (1, 2, packed.starts[-1])
    assert cells.mask.shape == cells.inside.shape == (1, 1, row.size(2))
    assert torch.equal(cells.clean(row), row)  # zero in the gaps
    assert cells.mask.sum() == sum(mask.sum() for mask in pyramid.masks)
    assert not (cells.mask & ~cells.inside).any()
    for x, y, mask in zip(pyramid.feats, packed.unpack(row), pyramid.masks):
        assert x.shape == y.shape
        for video, count in enumerate(mask.sum((1, 2)).tolist()):
            near = slice(0, count + (0 if padding == 'ignored' else reach))
            assert torch.equal(x[video, :, near], y[video, :, near])
        # what was cut off is zero
        assert ((x == y) | (y == 0)).all()
        assert padding != 'opentad' or torch.equal(x, y)


@layouts
def test_gaps_keep_the_grids_apart(lengths, extra, num_levels, reach, padding):
    pyramid, packed = make(lengths, extra, num_levels, reach, padding)
    size = packed.starts[-1]
    end = -1 - reach
    for grid, places in enumerate(grids(pyramid, packed)):
        level = grid // len(lengths)
        assert places.tolist() == list(range(places[0], places[-1] + 1))
        assert places[0] > end + reach
        assert packed.starts[level] <= places[0]
        assert places[-1] + reach < packed.starts[level + 1]
        # the places of a level, halved, are those of the next
        start = int(places[0]) - packed.starts[level]
        assert start % 2**(num_levels - 1 - level) == 0
        end = int(places[-1])
    assert end + reach < size
    for level in range(num_levels - 1):
        assert (packed.span(level, level).stop - packed.starts[level]) == 2 * (
            packed.span(level + 1, level + 1).stop - packed.starts[level + 1])


@layouts
def test_ends_are_the_outermost_cells_of_every_grid(lengths, extra, num_levels,
                                                    reach, padding):
    pyramid, packed = make(lengths, extra, num_levels, reach, padding)
    row = packed.clean(packed.pack([x + 10 for x in pyramid.feats]))[0]
    first, last = packed.ends
    counts = [
        count for mask in pyramid.masks
        for count in mask.sum((1, 2)).clamp(min=1).tolist()
    ]
    for grid, (places,
               count) in enumerate(zip(grids(pyramid, packed), counts)):
        if padding == 'ignored':
            places = places[:count]
        assert first[grid, 0] == places[0] and last[grid, 0] == places[-1]
        for step in range(1, first.size(1)):
            for places_, end in ((places, first), (places.flip(0), last)):
                if step < len(places):
                    assert end[grid, step] == places_[step]
                else:  # of no weight, since zero
                    assert not row[:, end[grid, step]].any()


@layouts
def test_parts_are_those_levels(lengths, extra, num_levels, reach, padding):
    pyramid, packed = make(lengths, extra, num_levels, reach, padding)
    row = packed.clean(packed.pack([x + 10 for x in pyramid.feats]))[0]
    for first in range(num_levels):
        for last in range(first, num_levels):
            span, part = packed.span(first, last), packed.part(first, last)
            assert torch.equal(part.mask, packed.mask[..., span])
            assert torch.equal(part.inside, packed.inside[..., span])
            own = slice(first * len(lengths), (last + 1) * len(lengths))
            assert (part.ends >= 0).all()
            assert (part.ends < span.stop - span.start).all()
            assert torch.equal(row[:, span][:, part.ends],
                               row[:, packed.ends[:, own]])


def slow_sum(feats, masks, factor):
    """What every cell holds and its neighbours give, level by level."""
    outs = [x.clone() for x in feats]
    for level, out in enumerate(outs):
        for t in range(out.size(2)):
            if level > 0:
                finer = feats[level - 1] * masks[level - 1]
                out[..., t] += factor * finer[..., 2 * t]
            if level + 1 < len(feats):
                coarser = feats[level + 1] * masks[level + 1]
                out[..., t] += factor * coarser[..., t // 2]
    return outs


def with_neighbours(packed, row, factor):
    """As a layer does it, whose paths give zero on padding."""
    if packed.num_levels == 1:
        return row
    top, masked = packed.num_levels - 1, row * packed.mask
    return packed.add_neighbours(
        1 * row, masked[..., packed.span(0, top - 1)][..., ::2],
        masked[..., packed.span(1, top)], factor)


@layouts
def test_neighbours_equal_those_of_every_level(lengths, extra, num_levels,
                                               reach, padding):
    pyramid, packed = make(lengths, extra, num_levels, reach, padding)
    factor = torch.tensor(0.5).double()
    row = with_neighbours(packed, packed.pack(pyramid.feats), factor)
    expected = slow_sum(pyramid.feats, pyramid.masks, factor)
    if reach:  # a kernel of one cell reads no gap
        assert torch.equal(packed.clean(row), row)
    for x, y, mask in zip(packed.unpack(row), expected, pyramid.masks):
        for video, count in enumerate(mask.sum((1, 2)).tolist()):
            near = slice(0, count + (0 if padding == 'ignored' else reach))
            torch.testing.assert_close(x[video, :, near], y[video, :, near])


def test_neighbouring_levels_by_hand():
    """Grids of 5, 3 and 2 cells, all valid, with a gap of one cell or more.

    Zeros are gaps.
    """
    pyramid = Pyramid.of([
        torch.tensor([[values]]).float()
        for values in ([1, 2, 3, 4, 5], [10, 20, 30], [100, 200])
    ], Cells.of([5], 5, 'cpu'))
    packed = PackedPyramid(pyramid.cells, 1)
    row = packed.pack(pyramid.feats)
    assert packed.starts == [0, 12, 18, 21]
    assert row[0, 0].tolist() == [
        *(1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0), *(10, 20, 30, 0, 0, 0),
        *(100, 200, 0)
    ]
    assert with_neighbours(packed, row, torch.tensor(1.))[0, 0].tolist() == [
        *(11, 12, 23, 24, 35, 0, 0, 0, 0, 0, 0, 0),
        *(10 + 101, 20 + 103, 30 + 205, 0, 0, 0), *(110, 230, 0)
    ]


def test_few_sizes_occur():
    """Backends prepare kernels, and graphs, for each of them anew."""
    sizes, spans = set(), set()
    for length in range(1, 2305):
        pyramid = Pyramid.of((None, ) * 6, Cells.of([length], 2304, 'meta'))
        extents = tuple(tuple(each.extents) for each in pyramid.cells)
        if extents not in spans:
            spans.add(extents)
            sizes.add(PackedPyramid(pyramid.cells, 2).starts[-1])
    assert len(sizes) <= 2304 / 32


@EVERY_PADDING
@pytest.mark.parametrize('num_levels', [1, 3])
def test_gradients_through_the_layout(num_levels, padding):
    pyramid, packed = make([7, 0, 4], 2, num_levels, 2, padding)
    feats = [x.requires_grad_() for x in pyramid.feats]
    factor = torch.tensor(0.5).double().requires_grad_()

    def there_and_back(factor, *feats):
        return packed.unpack(
            with_neighbours(packed, packed.pack(feats), factor))

    torch.autograd.gradcheck(there_and_back, (factor, *feats))
