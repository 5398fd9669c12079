# TriDet as published for ActivityNet: it finds actions of one class, which
# video-level scores name afterwards
_base_ = 'tridet.py'

width = 256

model = dict(
    data_preprocessor=dict(
        size_divisor=480,  # 32 * 15
        input_noise=0.5),
    backbone=dict(
        kernel_size=15,
        factor=1.3,
        mlp_channels=2048,
        init_std=0.2,
        position=dict(type='SinusoidPosition', max_seq_len='${max_seq_len}')),
    head=dict(
        feat_channels=512,
        num_bins=12,
        iou_weight_power=1,
        loss_normalizer=dict(init_value=400.),
        label_smoothing=0.1),
    postprocessor=dict(
        min_length=0.1,
        nms=dict(sigma=0.7, max_num=200, class_wise=False),
        voting_thr=0.95))
