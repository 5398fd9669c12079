# TriDet as published for HACS with SlowFast features
_base_ = 'tridet.py'

model = dict(
    data_preprocessor=dict(
        max_seq_len=960,
        size_divisor=96,  # 32 * 3
        input_noise=0.2),
    backbone=dict(
        in_channels=2304,
        embed_channels=1024,
        kernel_size=3,
        factor=1.2,
        mlp_channels=1024,
        init_std=0.1,
        position=dict(type='SinusoidPosition', max_seq_len=960)),
    neck=dict(channels=1024),
    head=dict(
        num_classes=200,
        in_channels=1024,
        feat_channels=1024,
        kernel_size=5,
        boundary_kernel_size=1,
        num_bins=14,
        iou_weight_power=1,
        loss_normalizer=dict(init_value=400.),
        label_smoothing=0.1),
    postprocessor=dict(nms=dict(sigma=0.75, max_num=250)))
