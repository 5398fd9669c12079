"""A detector of three levels that is quick to build, and videos for it."""
import torch
from mmaction.structures import ActionDataSample
from mmengine.structures import InstanceData

from dyfadet_mm.registry import MODELS


def make_model(head=None, **kwargs):
    """Three levels, max_seq_len 16; lengths above it go to multiples of 4.

    In evaluation mode, which MMEngine's loops switch on.
    """
    cfg = dict(
        type='dyfadet_mm.SingleStageTAD',
        data_preprocessor=dict(
            type='dyfadet_mm.TADDataPreprocessor',
            max_seq_len=16,
            size_divisor=4),
        backbone=dict(
            type='dyfadet_mm.DynEBackbone',
            in_channels=6,
            embed_channels=32,
            arch=(2, 1, 2),
            factor=1.5,
            mlp_channels=16),
        neck=dict(type='dyfadet_mm.IdentityFPN', channels=32, num_levels=3),
        head=dict(
            dict(
                type='dyfadet_mm.DyHead',
                num_classes=3,
                in_channels=32,
                feat_channels=16,
                regression_ranges=[(0, 4), (4, 8), (8, 1e4)]), **(head or {})),
        postprocessor=dict(
            type='dyfadet_mm.SegmentPostprocessor', score_thr=0.01))
    cfg.update(kwargs)
    model = MODELS.build(cfg)
    with torch.no_grad():  # candidates of all lengths and scores
        model.head.conv_reg.bias.fill_(2.)
        model.head.conv_cls.bias.fill_(-1.)
    return model.eval()


def make_video(length, segments=((1, 5), ), labels=(2, )):
    """Features and data sample; fps 10, stride 5, window 20.

    Segments are on the grid, where cell 0 is at 1 second.
    """
    sample = ActionDataSample(
        metainfo=dict(
            video_id=f'v_{length}',
            duration=length * 0.5 + 1,
            fps=10.,
            feat_stride=5,
            feat_num_frames=20))
    grid = torch.tensor(segments).float().reshape(-1, 2)
    sample.gt_instances = InstanceData(
        segments=grid / 2 + 1,
        grid_segments=grid,
        labels=torch.tensor(labels, dtype=torch.long))
    generator = torch.Generator().manual_seed(length)
    return torch.randn(6, length, generator=generator), sample


def make_batch(*videos):
    feats, samples = zip(*videos)
    return dict(inputs=list(feats), data_samples=list(samples))


def assert_same_detections(ours, theirs):
    for field in ('segments', 'scores', 'labels'):
        torch.testing.assert_close(
            ours[field], theirs[field], atol=1e-5, rtol=1e-5)
