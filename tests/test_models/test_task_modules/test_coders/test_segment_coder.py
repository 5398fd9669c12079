import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dyfadet_mm.models import Points, SegmentCoder

EIGHTHS = st.integers(-800, 800).map(lambda x: x / 8)


def points_at(positions, strides):
    return Points(
        torch.tensor(positions, dtype=torch.float32),
        torch.zeros(len(positions), 2),
        torch.tensor(strides, dtype=torch.float32))


def test_offsets_are_distances_in_strides():
    points = points_at([4, 4, 8], [1, 2, 4])
    segments = torch.tensor([[1., 6.], [1., 6.], [10., 12.]])
    offsets = torch.tensor([[3., 2.], [1.5, 1.], [-0.5, 1.]])
    assert torch.equal(SegmentCoder().encode(points, segments), offsets)
    assert torch.equal(SegmentCoder().decode(points, offsets), segments)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(EIGHTHS, EIGHTHS, st.integers(0, 2304),
                  st.sampled_from([1, 2, 4, 8, 16, 32])),
        min_size=1,
        max_size=6))
def test_decoding_undoes_encoding_at_every_stride(rows):
    starts, ends, positions, strides = zip(*rows)
    points = points_at(positions, strides)
    segments = torch.tensor([starts, ends]).t()
    coder = SegmentCoder()
    offsets = coder.encode(points, segments)
    assert torch.equal(coder.decode(points, offsets), segments)
    assert torch.equal(
        coder.encode(points, coder.decode(points, offsets)), offsets)


def test_points_may_have_a_segment_per_class():
    points = points_at([4, 8], [1, 4])
    offsets = torch.rand(2, 3, 2)
    segments = SegmentCoder().decode(points, offsets)
    for label in range(3):
        assert torch.equal(segments[:, label],
                           SegmentCoder().decode(points, offsets[:, label]))


def test_no_points_give_no_segments():
    points = points_at([], [])
    assert SegmentCoder().encode(points, torch.zeros(0, 2)).shape == (0, 2)
    for shape in ((0, 2), (0, 3, 2)):
        assert SegmentCoder().decode(points, torch.zeros(shape)).shape == shape
