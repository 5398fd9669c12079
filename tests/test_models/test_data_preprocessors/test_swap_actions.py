import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmaction.structures import ActionDataSample
from mmengine.structures import InstanceData

from dyfadet_mm.models import SwapActions, TADDataPreprocessor

SWAP = dict(type='dyfadet_mm.SwapActions', prob=1.)


def sample_of(actions):
    """Actions are (start, end, label) on the feature grid."""
    segments = torch.tensor([x[:2] for x in actions], dtype=torch.float32)
    return ActionDataSample(
        gt_instances=InstanceData(
            grid_segments=segments.reshape(-1, 2),
            labels=torch.tensor([x[2] for x in actions], dtype=torch.long)))


def classes_of(actions, cell):
    return {label for start, end, label in actions if start <= cell <= end}


def numbered(lengths, channels=2):
    """Videos whose cells all have a number of their own."""
    numbers = torch.arange(float(sum(lengths))).expand(channels, -1)
    return list(numbers.clone().split(list(lengths), 1))


ACTIONS = st.lists(
    st.tuples(st.integers(-8, 48), st.integers(0, 24), st.integers(
        0, 1)).map(lambda x: (x[0] / 4, (x[0] + x[1]) / 4, x[2])),
    max_size=3)


@settings(deadline=None, max_examples=100)
@given(
    videos=st.lists(
        st.tuples(st.integers(1, 12), ACTIONS), min_size=1, max_size=3),
    prob=st.sampled_from([0.5, 1.]),
    seed=st.integers(0, 99))
def test_each_cell_comes_from_one_of_the_same_classes(videos, prob, seed):
    torch.manual_seed(seed)
    lengths, actions = zip(*videos)
    before = numbered(lengths)
    after, _ = SwapActions(prob)(before, list(map(sample_of, actions)))
    assert torch.equal(
        torch.cat(before, 1)[0], torch.arange(1. * sum(lengths)))
    classes = [
        classes_of(each, cell) for length, each in videos
        for cell in range(length)
    ]
    owner = [v for v, length in enumerate(lengths) for _ in range(length)]
    first = 0
    for length, video in zip(lengths, after):
        assert video.shape == (2, length)
        assert torch.equal(video[0], video[1])
        cells = video[0].int().tolist()
        for cell, source in enumerate(cells):
            assert classes[first + cell] == classes[source]
        for cell in range(1, length):  # in a run, in the order of one source
            if classes[first + cell] == classes[first + cell - 1]:
                left, right = cells[cell - 1:cell + 1]
                assert left <= right <= left + 1
                assert owner[left] == owner[right]
        first += length


def test_longer_runs_give_cells_in_a_row_and_shorter_ones_stretch():
    samples = [sample_of([(0, 1, 0)]), sample_of([(0, 5, 0)])]
    seen = set()
    for seed in range(40):
        torch.manual_seed(seed)
        (short, long), _ = SwapActions(1.)(numbered([2, 6]), samples)
        seen |= {tuple(short[0].tolist()), tuple(long[0].tolist())}
    pairs = {(0, 1), *((i, i + 1) for i in range(2, 7))}
    assert seen == pairs | {(0, 0, 0, 1, 1, 1), (2, 3, 4, 5, 6, 7)}


def test_a_class_alone_keeps_its_cells():
    samples = [sample_of([(2, 3, 0)]), sample_of([(1, 4, 1)])]
    before = numbered([6, 6])
    after, _ = SwapActions(1.)(before, samples)
    assert torch.equal(after[0][:, 2:4], before[0][:, 2:4])
    assert torch.equal(after[1][:, 1:5], before[1][:, 1:5])


def test_cells_are_replaced_as_often_as_asked():
    torch.manual_seed(0)
    samples = [sample_of([(2 * i, 2 * i, 0) for i in range(500)])]
    before = numbered([1000])
    for prob, low, high in ((0., 0, 0), (0.3, 0.25, 0.35), (1., 0.98, 1)):
        [after], _ = SwapActions(prob)(before, samples)
        assert low <= (after != before[0]).float().mean() <= high


def test_shuffled_cells_stay_in_their_runs():
    torch.manual_seed(0)
    actions = [(10, 29, 0), (40, 69, 1), (60, 79, 1)]
    [before] = numbered([100])
    [after], _ = SwapActions(
        0., shuffle_prob=1.)([before], [sample_of(actions)])
    assert torch.equal(after[0], after[1])
    for start, end in ((0, 10), (10, 30), (30, 40), (40, 80), (80, 100)):
        run = after[0, start:end].tolist()
        assert run != list(range(start, end)) == sorted(run)


def test_frames_swap_as_features_do():
    frames = torch.arange(4, dtype=torch.uint8).repeat_interleave(3 * 2 * 5)
    frames = frames.reshape(4, 3, 2, 5, 1).transpose(0, 1)  # (3, T, k, H, W)
    seen = set()
    for seed in range(20):
        torch.manual_seed(seed)
        [after], _ = SwapActions(1.)([frames],
                                     [sample_of([(0, 1, 0), (3, 3, 0)])])
        assert after.dtype == torch.uint8 and after.shape == frames.shape
        assert (after == after[:1, :, :1, :1]).all()
        seen.add(tuple(after[0, :, 0, 0, 0].tolist()))
    assert seen == {(a, b, 2, c)
                    for a, b in ((0, 1), (3, 3))
                    for c in (0, 1, 3)}


@pytest.mark.parametrize('training', [True, False])
def test_the_preprocessor_swaps_in_training_alone(training):
    torch.manual_seed(0)
    preprocessor = TADDataPreprocessor(8, 4, batch_augments=[SWAP])
    before = numbered([5, 7])
    data = dict(
        inputs=before,
        data_samples=[sample_of([(0, 1, 0)]),
                      sample_of([(2, 5, 0)])])
    out = preprocessor(data, training)
    assert out['inputs'].shape == (2, 2, 8)
    assert [x.feat_len for x in out['data_samples']] == [5, 7]
    same = [
        torch.equal(x[:, :y.size(1)], y)
        for x, y in zip(out['inputs'], before)
    ]
    assert all(same) != training


@pytest.mark.parametrize('name', ['prob', 'shuffle_prob'])
@pytest.mark.parametrize('value', [-0.1, 1.1, float('nan')])
def test_probabilities_are_in_their_range(name, value):
    with pytest.raises(ValueError, match=f'^{name} must be in'):
        SwapActions(**{name: value})
