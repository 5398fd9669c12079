# TriDet as published for HACS with SlowFast features
_base_ = 'tridet.py'

width = 1024

model = dict(
    data_preprocessor=dict(
        size_divisor=96,  # 32 * 3
        input_noise=0.2),
    backbone=dict(
        kernel_size=3,
        factor=1.2,
        mlp_channels=1024,
        init_std=0.1,
        position=dict(type='SinusoidPosition', max_seq_len='${max_seq_len}')),
    head=dict(
        kernel_size=5,
        boundary_kernel_size=1,
        num_bins=14,
        iou_weight_power=1,
        loss_normalizer=dict(init_value=400.),
        label_smoothing=0.1),
    postprocessor=dict(nms=dict(sigma=0.75, max_num=250)))
