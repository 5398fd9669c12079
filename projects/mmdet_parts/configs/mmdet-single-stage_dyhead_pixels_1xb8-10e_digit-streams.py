# DyHead as the bbox_head of MMDetection's detector, with MMDetection's FPN: no
# class of the detector is of dyfadet_mm but the parts that are named so
_base_ = [
    '../../../configs/_base_/datasets/digit_streams.py',
    '../../../configs/_base_/schedules/adamw_10e.py',
    '../../../configs/_base_/default_runtime.py'
]

width = 64
levels = 6
model = dict(
    type='mmdet.SingleStageDetector',
    data_preprocessor=dict(type='TADDataPreprocessor', max_seq_len=256),
    # a backbone over time, (B, C, T) to a tuple of levels
    backbone=dict(
        type='DynEBackbone',
        in_channels='${feat_dim}',
        embed_channels=width,
        mlp_channels=128),
    neck=dict(
        type='mmdet.FPN',
        in_channels=[width] * levels,
        out_channels=width,
        num_outs=levels,
        conv_cfg=dict(type='Conv1d'),
        # the attention of DyHead squares features
        norm_cfg=dict(type='GN', num_groups=16),
        init_cfg=dict(type='Xavier', layer='Conv1d', distribution='uniform')),
    bbox_head=dict(
        # without a scope, this is not mmdet.DyHead, which is a neck
        type='dyfadet_mm.DyHead',
        num_classes='${num_classes}',
        in_channels=width,
        feat_channels=width),
    train_cfg=dict(assigner=dict(type='dyfadet_mm.PointSegmentAssigner')),
    test_cfg=dict(score_thr=0.001, nms=dict(sigma=0.5)))

randomness = dict(seed=0)
