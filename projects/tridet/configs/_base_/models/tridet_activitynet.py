# TriDet as published for ActivityNet: it finds actions of one class, which
# video-level scores name afterwards
_base_ = 'tridet.py'

model = dict(
    data_preprocessor=dict(
        max_seq_len=768,
        size_divisor=480,  # 32 * 15
        input_noise=0.5),
    backbone=dict(
        in_channels=512,
        embed_channels=256,
        kernel_size=15,
        factor=1.3,
        mlp_channels=2048,
        init_std=0.2,
        position=dict(type='SinusoidPosition', max_seq_len=768)),
    neck=dict(channels=256),
    head=dict(
        num_classes=1,
        in_channels=256,
        num_bins=12,
        iou_weight_power=1,
        loss_normalizer=dict(init_value=400.),
        label_smoothing=0.1),
    postprocessor=dict(
        min_length=0.1,
        nms=dict(sigma=0.7, max_num=200, class_wise=False),
        voting_thr=0.95))
