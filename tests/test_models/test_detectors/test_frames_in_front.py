"""A detector with an encoder of frames in front."""
import copy

import pytest
import torch
from small_detector import assert_same_detections, make_batch, make_model
from small_detector import make_video as make_features

from dyfadet_mm.structures import Cells, pad_cells

VIT = dict(
    type='mmaction.VisionTransformer',
    img_size=16,
    patch_size=8,
    embed_dims=6,
    depth=2,
    num_heads=2,
    num_frames=8)
ENCODER = dict(
    type='dyfadet_mm.FrameEncoder',
    backbone=VIT,
    clip_len=8,
    adapters=dict(index=[0, 1], ratio=0.5),
    train_mode='adapters',
    clips_at_once=1)


def make_detector(encoder=ENCODER, **kwargs):
    torch.manual_seed(0)
    model = make_model(encoder=encoder, **kwargs)
    if model.encoder is not None:  # adapters that do something
        for name, each in model.encoder.named_parameters():
            if 'up_proj' in name:
                torch.nn.init.normal_(each, std=0.5)
    return model


def make_video(length):
    """Frames (3, T, 2, 16, 16) and the data sample."""
    generator = torch.Generator().manual_seed(length)
    frames = torch.randint(
        256, (3, length, 2, 16, 16), dtype=torch.uint8, generator=generator)
    return frames, make_features(length)[1]


def detect(model, *lengths):
    with torch.no_grad():
        found = model.test_step(make_batch(*map(make_video, lengths)))
    return [each.pred_instances for each in found]


def test_losses_train_the_adapters_and_nothing_else_of_the_encoder():
    model = make_model(
        dict(type='dyfadet_mm.ConvHead'), encoder=ENCODER).train()
    batch = model.data_preprocessor(
        make_batch(make_video(13), make_video(16)), training=True)
    assert batch['inputs'].shape == (2, 3, 16, 2, 16, 16)
    sum(model(**batch, mode='loss').values()).backward()
    grads = {
        name: each.grad.abs().sum()
        for name, each in model.encoder.named_parameters()
        if each.grad is not None
    }
    assert len(grads) == 2 * 9  # up_proj starts at zero
    assert all(
        (value > 0) == ('up_proj' in name) for name, value in grads.items())
    assert all(each.grad is not None for each in model.backbone.parameters())


def test_frames_are_padded_by_the_last_one():
    frames, _ = make_video(5)
    padded = pad_cells(frames, 8)
    assert torch.equal(padded[:, :5], frames)
    assert torch.equal(padded[:, 5:], frames[:, 4:,
                                             1:].expand(-1, 3, 2, -1, -1))
    assert pad_cells(frames, 5) is frames


def test_features_of_the_encoder_go_where_features_go():
    model = make_detector()
    batch = model.data_preprocessor(make_batch(make_video(13)))
    cells = Cells.of([13], 16, 'cpu', model.padding)
    with torch.no_grad():
        feats = model.encoder(batch['inputs'].flatten(2, 3), cells.mask[:, 0])
        ours = model.extract_feat(batch['inputs'], cells).feats
        theirs = model.extract_feat(feats, cells).feats
    assert feats.shape == (1, 6, 16) and not feats[..., 13:].any()
    for one, other in zip(ours, theirs):
        assert torch.equal(one, other)


@pytest.mark.parametrize('pad_to', ['max_seq_len', 'divisor'])
def test_a_video_is_detected_as_if_it_were_alone(pad_to):
    model = make_detector(
        data_preprocessor=dict(
            type='dyfadet_mm.TADDataPreprocessor',
            max_seq_len=16,
            size_divisor=4,
            pad_to=pad_to))
    lengths = 5, 13, 24
    for length, together in zip(lengths, detect(model, *lengths)):
        assert len(together) > 5
        assert_same_detections(together, detect(model, length)[0])


@pytest.mark.parametrize('length', [9, 16, 32])
def test_made_features_give_the_detections_of_the_frames(length):
    """Windows without overlap: all of them agree."""
    model = make_detector(window=dict(size=16, overlap=0))
    from_frames = detect(model, length)[0]
    frames, sample = make_video(length)
    batch = model.data_preprocessor(make_batch((frames, sample)))
    feats = model.encode_videos(**batch)
    assert len(feats) == 1 and feats[0].shape == (6, length)
    with torch.no_grad():
        found = model.test_step(make_batch((feats[0], make_video(length)[1])))
    assert len(from_frames) > 5
    assert_same_detections(found[0].pred_instances, from_frames)


def test_cells_are_those_of_the_window_that_sees_them_best():
    model = make_detector(window=dict(size=16, overlap=0.5))
    frames, sample = make_video(40)
    feats = model.encode_videos(
        **model.data_preprocessor(make_batch((frames, sample))))[0]
    # windows at 0, 8, 16, 24; seams in the middle of overlaps
    edges = [0, 12, 20, 28, 40]
    mask = torch.ones(1, 16, dtype=torch.bool)
    for start, first, last in zip((0, 8, 16, 24), edges, edges[1:]):
        with torch.no_grad():
            window = model.encoder(
                frames[None, :, start:start + 16].flatten(2, 3), mask)[0]
        torch.testing.assert_close(feats[:, first:last],
                                   window[:, first - start:last - start])


def test_weights_are_used_on_features_without_the_encoder():
    model = make_detector()
    other = make_detector(encoder=None)
    other.load_state_dict(copy.deepcopy(model.state_dict()))  # strict
    frames, sample = make_video(13)
    feats = model.encode_videos(
        **model.data_preprocessor(make_batch((frames, sample))))[0]
    found = [
        each.test_step(make_batch((feats, make_video(13)[1])))[0]
        for each in (model, other)
    ]
    assert_same_detections(*(each.pred_instances for each in found))


def test_colours_are_those_of_the_data_preprocessor():
    pre = dict(
        type='dyfadet_mm.TADDataPreprocessor',
        max_seq_len=16,
        size_divisor=4,
        mean=[1, 2, 3],
        std=[4, 5, 6])
    model = make_detector(data_preprocessor=pre)
    assert model.encoder.mean.flatten().tolist() == [1, 2, 3]
    assert model.encoder.std.flatten().tolist() == [4, 5, 6]
    with pytest.raises(ValueError, match=r"must not set \['mean'\]"):
        make_detector(dict(ENCODER, mean=[0, 0, 0]), data_preprocessor=pre)


def test_channels_are_handed_down_and_checked():
    backbone = dict(
        type='dyfadet_mm.DynEBackbone',
        embed_channels=32,
        arch=(2, 1, 2),
        factor=1.5,
        mlp_channels=16)
    assert make_detector(backbone=backbone).backbone.in_channels == 6
    with pytest.raises(
            ValueError,
            match='model.encoder.out_channels gives 6 channels, '
            'but model.backbone.in_channels takes 7'):
        make_detector(backbone=dict(backbone, in_channels=7))


def test_features_are_perturbed_in_training_as_those_of_files_are():
    model = make_detector(
        data_preprocessor=dict(
            type='dyfadet_mm.TADDataPreprocessor',
            max_seq_len=16,
            size_divisor=4,
            channel_dropout=0.5)).train()
    batch = model.data_preprocessor(make_batch(make_video(16)), training=True)
    assert batch['inputs'].dtype == torch.uint8
    cells = model.cells_of(batch['inputs'])
    feats = model.encode(batch['inputs'], cells)
    dead = (feats == 0).all(2).sum()
    assert 0 < dead < 6
    assert (model.eval().encode(batch['inputs'], cells) != 0).any(2).all()


def test_frames_without_an_encoder_are_refused():
    model = make_detector(encoder=None)
    with pytest.raises(ValueError, match='model.encoder must be set'):
        detect(model, 13)


@pytest.mark.parametrize('frames, text', [
    (torch.zeros(3, 4, 1, 16, 16), 'of torch.float32'),
    (torch.zeros(1, 4, 1, 16, 16, dtype=torch.uint8), r'\(1, 4, 1, 16, 16\)'),
    (torch.zeros(3, 0, 1, 16, 16, dtype=torch.uint8), r'\(3, 0, 1, 16, 16\)'),
])
def test_what_are_no_frames_is_refused(frames, text):
    with pytest.raises(ValueError, match=text):
        make_detector().test_step(make_batch((frames, make_video(4)[1])))


def test_frames_of_two_sizes_are_refused():
    small = make_video(8)[0][..., :8]
    with pytest.raises(ValueError, match='frames of one batch .* same size'):
        make_detector().test_step(
            make_batch(make_video(8), (small, make_video(8)[1])))
