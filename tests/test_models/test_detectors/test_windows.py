import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_detector import (assert_same_detections, make_batch, make_model,
                            make_video)
from torch import nn

from dyfadet_mm.models.detectors.windows import SlidingWindows
from dyfadet_mm.structures import Cells, Pyramid


class Strided(nn.Module):
    """An encoder without context: level l has every 2^l-th cell."""

    def forward(self, inputs, cells):
        return Pyramid.of([inputs[..., ::2**level] for level in range(3)],
                          cells)


def make_local_model(topk=2000, pad_to='max_seq_len', **kwargs):
    """A model whose outputs depend on one cell each."""
    return make_model(
        dict(type='dyfadet_mm.ConvHead', in_channels=6, kernel_size=1),
        backbone=dict(type=Strided),
        neck=None,
        data_preprocessor=dict(
            type='dyfadet_mm.TADDataPreprocessor',
            max_seq_len=16,
            size_divisor=4,
            pad_to=pad_to),
        postprocessor=dict(
            type='dyfadet_mm.SegmentPostprocessor',
            score_thr=0.01,
            pre_nms_topk=topk),
        **kwargs)


def _same_weights(make, window, **kwargs):
    """A model with windows, and the same without."""
    model, whole = make(window=window, **kwargs), make(**kwargs)
    whole.load_state_dict(model.state_dict())
    return model, whole


@pytest.mark.parametrize('pad_to', ['max_seq_len', 'divisor'])
@pytest.mark.parametrize('topk', [2000, 5])
@pytest.mark.parametrize('size, overlap', [(8, 0), (10, 0.5), (16, 0.9),
                                           (23, 0.25), (4, 0.5)])
def test_outputs_without_context_are_those_of_the_whole_video(
        size, overlap, topk, pad_to):
    model, whole = _same_weights(
        make_local_model,
        dict(size=size, overlap=overlap),
        topk=topk,
        pad_to=pad_to)
    for length in (5, size, size + 1, 30, 61):
        [ours] = model.test_step(make_batch(make_video(length)))
        [theirs] = whole.test_step(make_batch(make_video(length)))
        assert len(theirs.pred_instances) > 5
        assert_same_detections(ours.pred_instances, theirs.pred_instances)


@pytest.mark.parametrize('head', ['DyHead', 'TridentHead'])
@pytest.mark.parametrize('pad_to', ['max_seq_len', 'divisor'])
def test_every_window_is_computed_as_a_video_of_its_own(pad_to, head):
    """Also where segments differ between the classes of a point."""
    preprocessor = dict(
        type='dyfadet_mm.TADDataPreprocessor',
        max_seq_len=16,
        size_divisor=4,
        pad_to=pad_to)
    model = make_model(
        dict(type=f'dyfadet_mm.{head}'),
        window=dict(size=10, overlap=0.5),
        data_preprocessor=preprocessor)
    feats, sample = make_video(27)
    segments, scores = [[], [], []], [[], [], []]
    # 27 cells: windows of 10 every 4, the last one rounded up from 17 to 20;
    # the middles of the overlaps, 7, 11, .. and 23, to the nearest four
    for start, end, first, last in [(0, 10, 0, 8), (4, 14, 8, 12),
                                    (8, 18, 12, 16), (12, 22, 16, 20),
                                    (16, 26, 20, 24), (20, 27, 24, 28)]:
        window = feats[:, start:end]
        data = model.data_preprocessor(dict(inputs=[window]))
        inputs = data['inputs']
        pyramid = model.extract_feat(
            inputs,
            Cells.of([end - start], inputs.size(2), 'cpu', model.padding))
        [levels] = model.head.decode_by_feat(*model.head(pyramid),
                                             pyramid.masks)
        for level, (segment, score) in enumerate(levels):
            points = torch.arange(len(segment)) * 2**level + start
            own = (points >= first) & (points < last)
            segments[level].append((segment + start)[own])
            scores[level].append(score[own])
    levels = [(torch.cat(a), torch.cat(b)) for a, b in zip(segments, scores)]
    expected = model.postprocessor(levels, sample.metainfo)
    [found] = model.test_step(make_batch((feats, sample)))
    assert_same_detections(found.pred_instances, expected)


@pytest.mark.parametrize('pad_to', ['max_seq_len', 'divisor'])
def test_videos_of_a_batch_are_cut_as_if_alone(pad_to):
    model = make_model(
        window=dict(size=12, overlap=0.5),
        data_preprocessor=dict(
            type='dyfadet_mm.TADDataPreprocessor',
            max_seq_len=16,
            size_divisor=4,
            pad_to=pad_to))
    lengths = (40, 7, 12, 33)
    batch = model.test_step(make_batch(*map(make_video, lengths)))
    for sample, length in zip(batch, lengths):
        [alone] = model.test_step(make_batch(make_video(length)))
        assert sample.video_id == alone.video_id
        assert_same_detections(sample.pred_instances, alone.pred_instances)


@pytest.mark.parametrize('length', [3, 20])
def test_videos_that_fit_are_not_cut(length):
    model, whole = _same_weights(make_model, dict(size=20))
    [ours] = model.test_step(make_batch(make_video(length)))
    [theirs] = whole.test_step(make_batch(make_video(length)))
    for field in ('segments', 'scores', 'labels'):
        assert torch.equal(ours.pred_instances[field],
                           theirs.pred_instances[field])


def test_training_and_raw_outputs_see_the_whole_video():
    model, whole = _same_weights(make_model, dict(size=8))
    data = model.data_preprocessor(make_batch(make_video(30)))
    assert model(**data, mode='loss') == whole(**data, mode='loss')
    assert model(**data)[0][0].shape == (1, 3, 32)


@pytest.mark.parametrize('window, words', [
    (dict(size=3), 'size of window must be at least .* 4, but got 3'),
    (dict(size=8, overlap=1), r'overlap of window must be in \[0, 1\)'),
    (dict(size=8, overlap=-0.5), r'overlap of window must be in \[0, 1\)'),
    (dict(size=8, stride=2), r"window of .* must not set \['stride'\]"),
])
def test_windows_out_of_range_are_refused(window, words):
    with pytest.raises(ValueError, match=words):
        make_model(window=window)


@settings(deadline=None, max_examples=300)
@given(
    length=st.integers(1, 200),
    size=st.integers(8, 60),
    overlap=st.sampled_from([0, 0.25, 0.5, 0.75, 0.99]),
    stride=st.sampled_from([1, 2, 8]))
def test_windows_share_out_the_video(length, size, overlap, stride):
    windows = SlidingWindows(size, overlap,
                             stride).split(length,
                                           lambda num_cells: 100 + num_cells)
    starts = [each.start for each in windows]
    ends = [each.start + each.length for each in windows]
    assert all(each.padded_len == 100 + each.length for each in windows)
    assert ends[-1] == length and starts[0] == 0
    for start, end in zip(starts, ends):
        assert start % stride == 0
        assert end - start <= size
        assert len(windows) == 1 or end - start > size - stride
    for start, following in zip(starts, starts[1:]):
        assert following - start <= max(size * (1 - overlap), stride)
    owners = [(x.start + (x.length if x.last is None else x.last),
               x.start + x.first) for x in windows]
    assert owners[0][1] == 0 and owners[-1][0] == length
    for (last, _), (_, first) in zip(owners, owners[1:]):
        assert last == first
    # no other window has seen more beyond either side of an owned point
    for (last, first), start, end in zip(owners, starts, ends):
        for cell in range(first, last):
            assert start <= cell < end
            seen = [
                min(cell - a if a else size, b - cell if b < length else size)
                for a, b in zip(starts, ends)
            ]
            ours = seen[starts.index(start)]
            assert ours >= max(seen) - stride
