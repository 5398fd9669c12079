"""The published temporal adapters: recorded, and written out plainly.

Recordings are read from ``../shared/recordings`` where that folder exists.
"""
from pathlib import Path

import pytest
import torch
from plain_adapter import SMALL, encode

from dyfadet_mm.conversion import ConversionError, convert_adapter
from dyfadet_mm.registry import MODELS

RECORDINGS = sorted(
    (Path(__file__).parents[3] / 'shared/recordings').glob('adapter_*.pt'))
#: The ways to compute the same.
WAYS = [
    dict(),
    dict(clips_at_once=1),
    dict(clips_at_once=2, checkpoint_blocks=True)
]


def build(config, state_dict, **options):
    cfg, weights = convert_adapter(config, state_dict)
    encoder = MODELS.build(dict(cfg, **options))
    encoder.load_state_dict(weights)
    return encoder


@pytest.fixture(scope='module')
def weights():
    """Random ones for ``SMALL``; the recording tells that names are right."""
    backbone = ('img_size', 'patch_size', 'embed_dims', 'depth', 'num_heads',
                'mlp_ratio', 'num_frames')
    encoder = MODELS.build(
        dict(
            type='dyfadet_mm.FrameEncoder',
            backbone=dict(
                type='mmaction.VisionTransformer',
                **{key: SMALL[key]
                   for key in backbone}),
            clip_len=SMALL['num_frames'],
            adapters=dict(index=SMALL['adapter_index'], ratio=0.5)))
    torch.manual_seed(1)
    return {
        key.removeprefix('backbone.'): 0.3 * torch.randn(each.shape).double()
        for key, each in encoder.state_dict().items()
    }


@pytest.mark.parametrize('path', RECORDINGS, ids=lambda path: path.stem)
@pytest.mark.parametrize('way', WAYS, ids=str)
def test_recording_is_reproduced(path, way):
    recorded = torch.load(path, weights_only=True)
    encoder = build(recorded['config'], recorded['state_dict'], **way)
    feats = encoder(recorded['frames'][:, 0], recorded['masks'])
    torch.testing.assert_close(feats, recorded['features'], rtol=0, atol=1e-4)
    feats.backward(recorded['grad_of_features'])
    trained = {
        name.removeprefix('backbone.'): each
        for name, each in encoder.named_parameters() if each.requires_grad
    }
    assert sorted(trained) == sorted(recorded['trainable'])
    norms = {
        name: each.grad.norm().item()
        for name, each in trained.items() if each.grad is not None
    }
    assert norms == pytest.approx(recorded['grad_norms'], rel=1e-3)


@pytest.mark.parametrize('way', WAYS, ids=str)
@pytest.mark.parametrize('size', [(16, 16), (24, 32)])
def test_every_video_and_chunk_as_written_out(size, way, weights):
    """With positions of another image size, and an adapter behind the last
    block but not behind each."""
    encoder = build(SMALL, weights, **way).double()
    encoder.load_state_dict({f'backbone.{k}': v for k, v in weights.items()})
    frames = torch.randint(256, (2, 3, 24, *size), dtype=torch.uint8)
    masks = torch.tensor([[True] * 9, [True] * 5 + [False] * 4])
    feats = encoder(frames, masks)
    plain = {k: v.clone().requires_grad_() for k, v in weights.items()}
    expected = torch.stack(
        [encode(plain, SMALL, video.double(), 9)
         for video in frames]) * masks[:, None]
    torch.testing.assert_close(feats, expected, rtol=1e-10, atol=1e-10)
    grad = torch.randn_like(feats)
    feats.backward(grad)
    expected.backward(grad)
    for name, each in encoder.named_parameters():
        if '.adapter.' in name:
            torch.testing.assert_close(
                each.grad,
                plain[name.removeprefix('backbone.')].grad,
                rtol=1e-10,
                atol=1e-10)


@pytest.mark.parametrize(
    'change, text',
    [(dict(embed_dims=24), r'shape \(24, 3, 2, 8, 8\).*\(12, 3'),
     (dict(depth=4), 'blocks.3.attn'), (dict(adapter_index=[0]), r"\['2'\]"),
     (dict(adapter_index=[0, 1, 2]), 'blocks.1.adapter'),
     (dict(adapter_mlp_ratio=0.25), r'\(3, 12\).*\(6, 12\)')])
def test_weights_of_another_config_are_refused(change, text, weights):
    with pytest.raises(ConversionError, match=text):
        convert_adapter(dict(SMALL, **change), weights)


def test_a_missing_setting_is_named(weights):
    config = {k: v for k, v in SMALL.items() if k != 'num_heads'}
    with pytest.raises(ConversionError, match="has no .'num_heads'"):
        convert_adapter(config, weights)
