"""An encoder of frames in front of the pyramid encoder."""
import torch
from small_detector import make_model, make_video

from dyfadet_mm.registry import MODELS


def test_losses_of_a_detector_train_its_frame_encoder():
    encoder = MODELS.build(
        dict(
            type='dyfadet_mm.FrameEncoder',
            backbone=dict(
                type='mmaction.VisionTransformer',
                img_size=16,
                patch_size=8,
                embed_dims=6,
                depth=2,
                num_heads=2,
                num_frames=8),
            clip_len=8,
            adapters=dict(index=[0, 1], ratio=0.5),
            train_mode='adapters',
            clips_at_once=1))
    detector = make_model(dict(type='dyfadet_mm.ConvHead')).train()
    sample = make_video(13)[1]
    sample.set_metainfo(dict(feat_len=13))
    frames = torch.randint(256, (1, 3, 32, 16, 16), dtype=torch.uint8)
    masks = (torch.arange(16) < 13)[None]
    # (B, window) are the cells of the detector's grid, and also its padding
    feats = encoder(frames, masks)
    sum(detector(feats, [sample], mode='loss').values()).backward()
    grads = {
        name: each.grad.abs().sum()
        for name, each in encoder.named_parameters() if each.grad is not None
    }
    assert len(grads) == 2 * 9  # up_proj starts at zero
    assert all(
        (value > 0) == ('up_proj' in name) for name, value in grads.items())
