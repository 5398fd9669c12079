"""Candidates of a video come back from a file, exactly or nearly."""
import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyfadet_mm.fileio import (RawVideo, average_raw_videos,
                               load_raw_predictions, raw_paths, save_raw_facts,
                               save_raw_video)
from dyfadet_mm.fileio.raw_predictions import load_raw_video

GRID = dict(fps=29.97, feat_stride=4., feat_num_frames=16., duration=333.3)
FACTS = dict(classes=['a', 'b'], postprocessor={}, score_fusion=None)


def make_levels(lengths, num_classes=2, per_class=False, seed=0):
    """Segments around the points of levels, and scores in (0, 1)."""
    rng = np.random.default_rng(seed)
    levels = []
    for level, length in enumerate(lengths):
        shape = (length, num_classes, 2) if per_class else (length, 2)
        offsets = rng.exponential(8 * 2**level, shape) * [-1, 1]
        points = np.arange(length).reshape(-1, *[1] * (len(shape) - 1))
        levels.append(((points * 2**level + offsets).astype('float32'),
                       rng.random((length, num_classes)).astype('float32')))
    return levels


def through_file(folder, levels, dtype):
    path = str(folder / 'v.npz')
    save_raw_video(path, levels, dict(GRID, video_id='v', other=1), dtype)
    found = load_raw_video(path)
    assert found.grid == GRID
    return found.levels


def write(folder, videos=('v0', 'v1'), lengths=(6, 3), **facts):
    """A folder as a test leaves it."""
    folder.mkdir(exist_ok=True)
    for seed, path in enumerate(raw_paths(str(folder), videos).values()):
        save_raw_video(path, make_levels(lengths, seed=seed), GRID)
    save_raw_facts(str(folder), **dict(FACTS, videos=list(videos), **facts))
    return folder


@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=3),
    per_class=st.booleans(),
    seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_float32_is_exact(tmp_path_factory, lengths, per_class, seed):
    levels = make_levels(lengths, per_class=per_class, seed=seed)
    found = through_file(
        tmp_path_factory.mktemp('raw'), levels, dtype='float32')
    for ours, theirs in zip(found, levels, strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])


@pytest.mark.parametrize('per_class', [False, True])
def test_float16_keeps_boundaries_far_from_the_start(tmp_path, per_class):
    levels = make_levels((9000, 4500), per_class=per_class)
    through_file(tmp_path, levels, 'float32')
    size = os.path.getsize(tmp_path / 'v.npz')
    found = through_file(tmp_path, levels, 'float16')
    assert os.path.getsize(tmp_path / 'v.npz') < 0.55 * size
    for level, (ours, theirs) in enumerate(zip(found, levels)):
        points = 2**level * np.arange(len(ours[0])).reshape(
            -1, *[1] * (ours[0].ndim - 1))
        distance = np.abs(theirs[0] - points)
        assert (np.abs(ours[0] - theirs[0]) <= distance / 2**10 + 1e-3).all()
        np.testing.assert_allclose(ours[1], theirs[1], rtol=2**-10, atol=1e-7)


def test_float16_of_a_boundary_without_end_is_a_number(tmp_path):
    levels = [(np.array([[-1e30, 1e30]], 'float32'), np.ones((1, 2), 'f'))]
    [(segments, _)] = through_file(tmp_path, levels, 'float16')
    assert np.isfinite(segments).all() and abs(segments).min() > 65000


def test_padding_is_left_out_and_gaps_are_not(tmp_path):
    segments, scores = make_levels((8, ))[0]
    scores[[2, 5, 6, 7]] = 0
    [(kept, kept_scores)] = through_file(tmp_path, [(segments, scores)],
                                         'float32')
    np.testing.assert_array_equal(kept, segments[:5])
    np.testing.assert_array_equal(kept_scores, scores[:5])


def test_averages_are_means_and_segments_of_classes_spread():
    plain, other = make_levels((4, 2)), make_levels((4, 2), per_class=True)
    mean = average_raw_videos([RawVideo(x, GRID) for x in (plain, other)])
    assert mean.grid == GRID
    for level in range(2):
        segments, scores = mean.levels[level]
        assert segments.shape == (*scores.shape, 2)
        for point, label in np.ndindex(scores.shape):
            np.testing.assert_allclose(
                segments[point, label],
                (plain[level][0][point] + other[level][0][point, label]) / 2,
                rtol=1e-6)
        np.testing.assert_allclose(
            scores, (plain[level][1] + other[level][1]) / 2, rtol=1e-6)


@pytest.mark.parametrize('other, name', [
    (RawVideo(make_levels((4, 2)), dict(GRID, fps=25.)), 'grid'),
    (RawVideo(make_levels((4, 1)), GRID), 'shape of scores'),
    (RawVideo(make_levels((4, 2), 3), GRID), 'shape of scores'),
])
def test_other_grids_are_not_averaged(other, name):
    with pytest.raises(ValueError, match=f'^{name} must be the same to be'):
        average_raw_videos([RawVideo(make_levels((4, 2)), GRID), other])


def test_ids_are_no_way_out_of_the_folder(tmp_path):
    ids = ['../../evil', '.._.._evil', '/evil', 'a' * 400]
    folder = write(tmp_path / 'raw', ids)
    assert len(os.listdir(folder)) == 5 and os.listdir(tmp_path) == ['raw']
    assert list(load_raw_predictions(str(folder)).videos) == ids


def cut_short(folder):
    path = folder / 'v1.npz'
    path.write_bytes(path.read_bytes()[:200])


def change_arrays(**new):
    """Write other arrays into a file."""

    def change(folder):
        with np.load(folder / 'v1.npz') as old:
            arrays = dict(old, **new)
        np.savez(
            folder / 'v1.npz', **{
                key: value
                for key, value in arrays.items() if value is not None
            })

    return change


def change_facts(**new):

    def change(folder):
        path = folder / 'raw_predictions.json'
        path.write_text(json.dumps({**json.loads(path.read_text()), **new}))

    return change


@pytest.mark.parametrize('change, words', [
    (lambda folder: (folder / 'raw_predictions.json').unlink(),
     "raw_predictions.json'; .* run it to its end"),
    (lambda folder: (folder / 'v1.npz').unlink(), "v1.npz'; write it again"),
    (cut_short, "v1.npz' must be a complete npz file"),
    (change_arrays(scores=np.array([{}])), "v1.npz' must .*objects"),
    (change_arrays(scores=None), "v1.npz' must .*'scores'"),
    (change_arrays(scores=np.ones((3, 2))), r"v1.npz' must .*\(3, 2\)"),
    (change_arrays(scores=np.full((9, 2), np.nan)), "v1.npz' must .*finite"),
    (change_arrays(lengths=np.array([6, 4])), 'of 9 points together'),
    (change_arrays(fps=np.ones(2)), 'one number for each'),
    (change_facts(version='dyfadet_mm raw predictions 2'), 'have the version'),
    (change_facts(postprocessor=None), "have 'postprocessor'"),
    (change_facts(classes=['a', 'b', 'c']), 'be of 1 or 3 classes'),
])
def test_folders_that_are_not_as_written_are_refused(tmp_path, change, words):
    folder = write(tmp_path / 'raw')
    change(folder)
    with pytest.raises((FileNotFoundError, ValueError), match=words):
        load_raw_predictions(str(folder))
