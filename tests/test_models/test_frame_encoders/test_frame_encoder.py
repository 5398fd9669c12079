import copy

import pytest
import torch
import torch.nn.functional as F
from mmengine.optim import build_optim_wrapper
from torch import nn

from dyfadet_mm.registry import MODELS

VIT = dict(
    type='mmaction.VisionTransformer',
    img_size=16,
    patch_size=8,
    embed_dims=12,
    depth=3,
    num_heads=2,
    num_frames=4,
    return_feat_map=True)
I3D = dict(
    type='mmaction.ResNet3d',
    depth=18,
    pretrained2d=False,
    base_channels=4,
    num_stages=2,
    out_indices=(1, ),
    spatial_strides=(1, 2),
    temporal_strides=(1, 1),
    dilations=(1, 1),
    conv1_stride_t=1,
    pool1_stride_t=1)
SLOW_ONLY = dict(
    I3D,
    type='mmaction.ResNet3dSlowOnly',
    conv1_kernel=(1, 7, 7),
    inflate=(0, 1),
    with_pool2=False)
R2PLUS1D = dict(I3D, type='mmaction.ResNet2Plus1d')
R2PLUS1D.update(
    conv_cfg=dict(type='Conv2plus1d'), conv1_kernel=(3, 7, 7), with_pool2=True)
CSN = dict(
    I3D,
    type='mmaction.ResNet3dCSN',
    depth=50,
    with_pool2=False,
    bottleneck_mode='ir')
CSN = {k: v for k, v in CSN.items() if k != 'pretrained2d'}
CSN.update(pretrained=None)
RESNET = dict(
    type='mmaction.ResNet',
    depth=18,
    num_stages=1,
    out_indices=(0, ),
    strides=(1, ),
    dilations=(1, ))
ADAPTED = {
    'vit': dict(backbone=VIT, adapters=dict(index=[0, 2], ratio=0.5)),
    'i3d': dict(backbone=I3D, adapters=dict(index=[0, 1], ratio=0.5)),
}
MASKS = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])


def build(backbone, clip_len=4, **options):
    return MODELS.build(
        dict(
            type='dyfadet_mm.FrameEncoder',
            backbone=backbone,
            clip_len=clip_len,
            **options))


def draw_frames(num_frames=12, size=16):
    return torch.randint(
        256, (2, 3, num_frames, size, size), dtype=torch.uint8)


def normalise(encoder, frames):
    mean, std = ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])
    return torch.stack([(frames[c].double() - mean[c]) / std[c]
                        for c in range(3)])


# modes


@torch.no_grad()
@pytest.mark.parametrize('clips_at_once', [None, 2])
def test_chunks_are_those_of_a_slow_loop(clips_at_once):
    encoder = build(I3D, norm_eval=True, clips_at_once=clips_at_once)
    encoder.eval().double()
    frames = draw_frames()
    found = encoder(frames, MASKS)
    for video, mask, feats in zip(frames, MASKS, found):
        joined = []
        for start in range(0, 12, 4):
            clip = normalise(encoder, video[:, start:start + 4])
            joined.append(encoder.backbone(clip[None])[0].mean((2, 3)))
        joined = torch.cat(joined, 1)  # (C, 6), as pool2 halves time
        expected = F.interpolate(joined[None], 6, mode='linear')[0] * mask
        torch.testing.assert_close(feats, expected)


@torch.no_grad()
@pytest.mark.parametrize('clip_len', [1, 3, 4, 9])
def test_snippets_lie_around_the_centres_of_cells(clip_len):
    encoder = build(
        SLOW_ONLY, clip_len, mode='snippet', norm_eval=True, clips_at_once=1)
    encoder.eval().double()
    frames = draw_frames()
    found = encoder(frames, MASKS)
    for video, mask, feats in zip(frames, MASKS, found):
        for cell in range(6):  # of two frames each
            first = cell * 2 + 1 - clip_len / 2  # one beyond the middle
            numbers = [
                min(max(int(first // 1) + k, 0), 11) for k in range(clip_len)
            ]
            clip = normalise(encoder, video[:, numbers])
            expected = encoder.backbone(clip[None])[0].mean((1, 2, 3))
            torch.testing.assert_close(feats[:, cell], expected * mask[cell])


@torch.no_grad()
def test_a_2d_backbone_sees_the_frame_at_the_centre():
    encoder = build(RESNET, None, mode='frame').eval().double()
    frames = draw_frames(18)
    found = encoder(frames, MASKS)
    for video, mask, feats in zip(frames, MASKS, found):
        for cell in range(6):
            image = normalise(encoder, video[:, [3 * cell + 1]])[:, 0]
            expected = encoder.backbone(image[None])[0].mean((1, 2))
            torch.testing.assert_close(feats[:, cell], expected * mask[cell])


@torch.no_grad()
def test_both_pathways_reach_the_grid():
    pathway = dict(
        I3D,
        type='resnet3d',
        lateral=False,
        conv1_kernel=(1, 7, 7),
        with_pool2=False)
    encoder = build(
        dict(
            type='mmaction.ResNet3dSlowFast',
            resample_rate=4,
            speed_ratio=4,
            slow_pathway=pathway,
            fast_pathway=dict(pathway, base_channels=2)), 8).eval()
    feats = encoder(draw_frames(16), MASKS)
    assert feats.shape == (2, 8 + 4, 6) and not feats[1, :, 4:].any()


@torch.no_grad()
def test_features_are_float32_under_autocast():
    encoder = build(**ADAPTED['vit']).eval()
    with torch.autocast('cpu', torch.bfloat16):
        assert encoder(draw_frames(), MASKS).dtype == torch.float32


# stages and adapters


@torch.no_grad()
@pytest.mark.parametrize(
    'backbone', [VIT, I3D, SLOW_ONLY, R2PLUS1D, CSN],
    ids=lambda cfg: cfg['type'])
def test_stage_by_stage_is_the_backbone(backbone):
    """Adapters start as the identity, also when all weights are drawn."""
    plain = build(backbone).double()
    frames = draw_frames(8, 24)
    plain.eval()
    staged = build(backbone, adapters=dict(index=[0, 1])).double().eval()
    staged.init_weights()
    missing = staged.load_state_dict(plain.state_dict(), strict=False)
    assert all('.adapter.' in key for key in missing.missing_keys)
    torch.testing.assert_close(
        staged(frames, MASKS), plain(frames, MASKS), rtol=1e-10, atol=1e-10)


def gradients(encoder, frames):
    encoder.zero_grad()
    feats = encoder(frames, MASKS)
    weight = torch.linspace(-1, 1, feats.numel()).view_as(feats)
    (feats * weight).sum().backward()
    return {
        name: each.grad
        for name, each in encoder.named_parameters() if each.grad is not None
    }


@pytest.mark.parametrize('name', ADAPTED)
@pytest.mark.parametrize('train_mode', ['full', 'adapters'])
@pytest.mark.parametrize('dtype, tolerance', [(torch.float32, 1e-5),
                                              (torch.float64, 1e-10)])
def test_checkpointing_keeps_gradients(name, train_mode, dtype, tolerance,
                                       randomise):
    options = dict(ADAPTED[name], train_mode=train_mode, norm_eval=True)
    encoder = randomise(build(**options)).to(dtype)
    for each in encoder.buffers():  # norms without these numbers explode
        each.clamp_(min=0.5) if each.ndim == 1 else None
    frames = draw_frames()
    expected = gradients(encoder, frames)
    scale = max(each.abs().max() for each in expected.values())
    assert any('.adapter.' in key for key in expected)
    for clips_at_once in (None, 1, 2):
        for blocks in (False, True):
            encoder.clips_at_once = clips_at_once
            encoder.checkpoint_blocks = blocks
            found = gradients(encoder, frames)
            assert found.keys() == expected.keys()
            for key, each in found.items():
                difference = (each - expected[key]).abs().max()
                assert difference <= tolerance * scale, key


def test_chunks_see_each_other_through_adapters_alone():
    frames = draw_frames()
    other = frames.clone()
    other[:, :, 8:] = 0  # the last chunk
    encoder = build(**ADAPTED['vit']).eval()
    masks = torch.ones(2, 6, dtype=torch.bool)

    def changed():
        with torch.no_grad():
            difference = encoder(frames, masks) - encoder(other, masks)
        return difference.abs().amax((0, 1)) > 1e-6

    assert changed().tolist() == [False] * 4 + [True] * 2
    for module in encoder.modules():
        if hasattr(module, 'up_proj'):
            nn.init.normal_(module.up_proj.weight)
    # the first one reaches the chunk before, the second a step of the other
    assert changed().tolist() == [False] + [True] * 5


# what is trained


@pytest.mark.parametrize('train_mode, parts', [
    ('full', ['patch_embed', 'blocks', 'fc_norm']),
    ('frozen', []),
    ('adapters', ['blocks.0.adapter', 'blocks.2.adapter', 'fc_norm']),
    (1, ['blocks.0.adapter', 'blocks.2', 'fc_norm']),
    (2, ['blocks.0.adapter', 'blocks.1', 'blocks.2', 'fc_norm']),
])
def test_train_mode_names_what_is_trained(train_mode, parts):
    encoder = build(**ADAPTED['vit'], train_mode=train_mode)
    for name, each in encoder.backbone.named_parameters():
        expected = any(name.startswith(f'{part}.') for part in parts)
        assert each.requires_grad == expected, name
    trains = {module.training for module in encoder.backbone.modules()}
    assert trains == {train_mode != 'frozen'}


@pytest.mark.parametrize('norm_eval, still', [
    (False, ['conv1', 'layer1']),
    (True, ['conv1', 'layer1', 'layer2']),
])
def test_norms_that_are_frozen_keep_their_statistics(norm_eval, still):
    encoder = build(I3D, train_mode=1, norm_eval=norm_eval).eval().train()
    for name, each in encoder.backbone.named_modules():
        if isinstance(each, nn.BatchNorm3d):
            assert each.training != (name.split('.')[0] in still), name
    before = copy.deepcopy(encoder.state_dict())
    encoder(draw_frames(), MASKS)
    for name, each in encoder.state_dict().items():
        moved = not torch.equal(each, before[name])
        assert not moved or (not norm_eval and 'layer2' in name)


def test_adapters_have_a_learning_rate_of_their_own():
    model = nn.ModuleDict(
        dict(encoder=build(**ADAPTED['vit'], train_mode='adapters')))
    wrapper = build_optim_wrapper(
        model,
        dict(
            constructor='dyfadet_mm.TADOptimWrapperConstructor',
            optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.05),
            paramwise_cfg=dict(custom_keys={'.adapter.': dict(lr_mult=2.)})))
    rates = {
        id(each): (group['lr'], group['weight_decay'])
        for group in wrapper.optimizer.param_groups
        for each in group['params']
    }
    found = {
        name.rpartition('blocks.0.adapter.')[2]: rates[id(each)]
        for name, each in model.named_parameters() if id(each) in rates
    }
    assert found['gamma'] == (2e-4, 0) and found['conv.weight'] == (2e-4, 0.05)
    assert found['encoder.backbone.fc_norm.weight'] == (1e-4, 0)


# weights


def test_weights_of_a_recognizer_are_loaded(tmp_path):
    torch.save(
        dict(state_dict=build(VIT, train_mode='frozen').state_dict()),
        tmp_path / 'a.pth')
    encoder = build(**ADAPTED['vit'], pretrained=str(tmp_path / 'a.pth'))
    encoder.init_weights()
    for key, each in torch.load(tmp_path / 'a.pth')['state_dict'].items():
        assert torch.equal(each, encoder.state_dict()[key])
    wide = build(dict(VIT, embed_dims=16), pretrained=str(tmp_path / 'a.pth'))
    with pytest.raises(ValueError, match='a.pth.* of another shape'):
        wide.init_weights()


# errors


@pytest.mark.parametrize('options, text', [
    (dict(mode='clip'), "one of .*'snippet'.* got 'clip'"),
    (dict(clip_len=None), "clip_len must be given .* got None with 'chunk'"),
    (dict(mode='frame'), "but 'frame', but got 4"),
    (dict(clips_at_once=0), 'clips_at_once must be at least 1, but got 0'),
    (dict(mode='snippet', checkpoint_blocks=True), "'chunk' with adapters"),
    (dict(adapters=dict(index=[3])), r'within 0 to 2, but got \[3\]'),
    (dict(adapters=dict(index=[0], ratio=0.01)), 'a channel of 12'),
    (dict(train_mode='adapters'), "not be 'adapters' without adapters"),
    (dict(train_mode='stages'), "got 'stages'"),
    (dict(train_mode=4), 'at most the 3 stages of VisionTransformer'),
    (dict(backbone=I3D, clips_at_once=1), 'norm_eval must be True'),
    (dict(backbone=dict(I3D, out_indices=(0, 1)), adapters=dict(index=[0])),
     r'out_indices must be \(1,\).* got \(0, 1\)'),
    (dict(
        backbone=dict(type='dyfadet_mm.PixelBlocks'),
        adapters=dict(index=[0])), 'VisionTransformer .*got PixelBlocks'),
])
def test_wrong_settings_are_named(options, text):
    with pytest.raises(ValueError, match=text):
        build(**{'backbone': VIT, **options})


@pytest.mark.parametrize('options, num_frames, text', [
    (dict(), 14, '14 frames with clip_len=4; crop or pad to 12 or 16'),
    (dict(), 3, 'at least one chunk of 4 .* got 3'),
    (dict(mode='snippet'), 14, 'a multiple of the 6 cells .* got 14'),
    (dict(adapters=dict(index=[0]),
          clip_len=6), 12, 'num_frames of the backbone, 4, but got 6'),
    (dict(backbone=dict(VIT, return_feat_map=False)), 12,
     r'a time axis.* gives \(1, 12\)'),
    (dict(backbone=dict(type='dyfadet_mm.PixelBlocks')), 12,
     r'a time axis.* gives \(1, 64\)'),
])
def test_frames_that_do_not_fit_are_named(options, num_frames, text):
    with pytest.raises(ValueError, match=text):
        build(**{'backbone': VIT, **options})(draw_frames(num_frames), MASKS)


def test_frames_of_another_layout_are_refused():
    with pytest.raises(
            ValueError, match=r'\(B, 3, T, H, W\), .* \(2, 1, 3, 12'):
        build(VIT)(draw_frames()[:, None], MASKS)
