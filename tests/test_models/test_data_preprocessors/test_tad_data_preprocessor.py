import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmaction.structures import ActionDataSample

from dyfadet_mm.models import TADDataPreprocessor


def batch_of(*lengths, channels=3):
    return dict(
        inputs=[torch.randn(channels, length) for length in lengths],
        data_samples=[
            ActionDataSample(metainfo=dict(video_id=str(i)))
            for i in range(len(lengths))
        ])


@pytest.mark.parametrize('length, expected', [(1, 16), (15, 16), (16, 16),
                                              (17, 24), (24, 24), (25, 32)])
def test_short_videos_get_max_seq_len_and_long_ones_a_multiple(
        length, expected):
    preprocessor = TADDataPreprocessor(max_seq_len=16, size_divisor=8)
    data = batch_of(length)
    [feats] = data['inputs']
    out = preprocessor(data)
    assert preprocessor.padded_len(length) == expected
    assert out['inputs'].shape == (1, 3, expected)
    assert torch.equal(out['inputs'][0, :, :length], feats)
    assert not out['inputs'][0, :, length:].any()


def test_max_seq_len_needs_to_be_no_multiple_of_the_divisor():
    preprocessor = TADDataPreprocessor(max_seq_len=10, size_divisor=4)
    lengths = [preprocessor.padded_len(length) for length in (9, 10, 11, 13)]
    assert lengths == [10, 10, 12, 16]


@settings(deadline=None, max_examples=40)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    max_seq_len=st.integers(1, 30),
    divisor=st.sampled_from([1, 4, 6, 32]),
    training=st.booleans())
def test_batches_are_padded_to_their_longest_video(lengths, max_seq_len,
                                                   divisor, training):
    preprocessor = TADDataPreprocessor(max_seq_len, divisor)
    data = batch_of(*lengths)
    feats = list(data['inputs'])
    out = preprocessor(data, training)
    alone = [preprocessor.padded_len(length) for length in lengths]
    assert out['inputs'].shape == (len(lengths), 3, max(alone))
    for video, (x, length) in enumerate(zip(feats, lengths)):
        assert torch.equal(out['inputs'][video, :, :length], x)
        assert not out['inputs'][video, :, length:].any()
        sample = out['data_samples'][video]
        assert sample.feat_len == length
        assert sample.padded_len == alone[video] >= length
        if length <= max_seq_len:
            assert alone[video] == max_seq_len
        else:
            assert alone[video] % divisor == 0
            assert alone[video] - length < divisor
        assert sample.video_id == str(video)


def test_noise_is_added_in_training_only_and_covers_the_padding():
    preprocessor = TADDataPreprocessor(400, input_noise=0.5)
    data = batch_of(200, 100, channels=16)
    clean = preprocessor(data)['inputs']
    assert torch.equal(preprocessor(data, training=False)['inputs'], clean)
    noise = preprocessor(data, training=True)['inputs'] - clean
    for part in (noise[..., :100], noise[..., 200:]):
        assert part.std().item() == pytest.approx(0.5, rel=0.1)
        assert abs(part.mean().item()) < 0.05
    quiet = TADDataPreprocessor(400)
    assert torch.equal(quiet(data, training=True)['inputs'], clean)


def test_channels_drop_out_in_training_only_and_as_a_whole():
    preprocessor = TADDataPreprocessor(8, channel_dropout=0.25)
    data = dict(inputs=[torch.ones(4000, 8), torch.ones(4000, 6)])
    assert preprocessor(data)['inputs'].unique().tolist() == [0, 1]
    inputs = preprocessor(data, training=True)['inputs']
    for video, length in zip(inputs, (8, 6)):
        kept = video[:, 0] != 0
        assert kept.float().mean().item() == pytest.approx(0.75, abs=0.05)
        assert torch.equal(video[:, :length] != 0,
                           kept[:, None].expand(-1, length))
        torch.testing.assert_close(video[kept][0, 0], torch.tensor(1 / 0.75))
    assert not torch.equal(inputs[0][:, 0], inputs[1][:, 0])
    with pytest.raises(ValueError, match='channel_dropout must be in'):
        TADDataPreprocessor(8, channel_dropout=1.)


def test_features_given_to_it_are_not_changed():
    data = batch_of(8, channels=2)
    copy = data['inputs'][0].clone()
    TADDataPreprocessor(8, input_noise=1.)(data, training=True)
    assert torch.equal(data['inputs'][0], copy)


@pytest.mark.parametrize('dtype', [torch.float16, torch.float64, torch.int32])
def test_batches_are_float32(dtype):
    data = dict(inputs=[torch.ones(3, 4).to(dtype)])
    out = TADDataPreprocessor(8)(data)
    assert out['inputs'].dtype == torch.float32
    assert out['inputs'].sum() == 12 and out['data_samples'] is None


def test_a_stacked_batch_is_taken_too():
    feats = torch.randn(2, 3, 6)
    out = TADDataPreprocessor(8)(dict(inputs=feats))['inputs']
    assert torch.equal(out[..., :6], feats) and out.shape == (2, 3, 8)


@pytest.mark.parametrize('shape', [(3, ), (3, 0), (0, 5), (1, 3, 5)])
def test_what_is_no_feature_grid_is_refused_with_its_shape(shape):
    with pytest.raises(ValueError, match='at least one cell, but got'):
        TADDataPreprocessor(8)(dict(inputs=[torch.zeros(shape)]))


def test_videos_of_different_dimension_are_refused():
    inputs = [torch.zeros(3, 5), torch.zeros(4, 5)]
    with pytest.raises(ValueError, match=r'same number of .*\(3, 5\).*\(4, 5'):
        TADDataPreprocessor(8)(dict(inputs=inputs))
