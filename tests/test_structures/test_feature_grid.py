import numpy as np
import pytest

from dyfadet_mm.structures import FeatureGrid, grid_to_seconds


@pytest.mark.parametrize('stride, window', [(4, 16), (16, 16), (8, 32), (1, 1),
                                            (9, 4)])
@pytest.mark.parametrize('num_frames', [0, 1, 15, 16, 17, 31, 32, 33, 339])
def test_every_cell_has_a_whole_window(stride, window, num_frames):
    grid = FeatureGrid(stride, window)
    slow = [
        s for s in range(0, num_frames, stride) if s + window <= num_frames
    ]
    if num_frames and not slow:
        slow = [0]  # the last frame is repeated
    assert grid.starts(num_frames).tolist() == slow
    assert grid.num_cells(num_frames) == len(slow)


def test_times_are_those_of_the_detectors():
    grid = FeatureGrid(stride=4, window=16)
    cells = np.arange(5.)
    assert grid.seconds(cells,
                        30).tolist() == grid_to_seconds(cells, 30, 4,
                                                        16).tolist()
    assert FeatureGrid(8, 32, fps=15).seconds(2, fps=30) == (16 + 16) / 15
    with pytest.raises(ValueError, match='fps of the video must be given'):
        grid.seconds(2)


@pytest.mark.parametrize('arguments', [
    dict(stride=0, window=16),
    dict(stride=4, window=1.5),
    dict(stride=True, window=16),
    dict(stride=4, window=16, fps=0),
    dict(stride=4, window=16, fps=float('inf')),
    dict(stride=4, window=16, fps='30'),
])
def test_numbers_are_checked(arguments):
    with pytest.raises(ValueError, match='of a feature grid must be a'):
        FeatureGrid(**arguments)


def test_the_length_of_other_cuts_is_refused():
    """The I3D files beside two recorded videos were made from other cuts."""
    grid = FeatureGrid(stride=4, window=16)
    assert (grid.num_cells(727), grid.num_cells(339)) == (178, 81)
    grid.check_length('highjump', 177, 727)
    with pytest.raises(ValueError) as error:
        grid.check_length('highjump', 164, 727)
    assert "'highjump' must have 178 cells" in str(error.value)
    assert 'but have 164: 56 frames too few' in str(error.value)
    with pytest.raises(ValueError, match='but have 89: 32 frames too many'):
        grid.check_length('tennis26', 89, 339)
