# DyFADet as published for HACS; the width of the encoder depends on features
_base_ = 'dyfadet.py'

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
        loss_normalizer=dict(init_value=400.),
        label_smoothing=0.1),
    postprocessor=dict(
        min_length=0.1,
        nms=dict(sigma=0.75, max_num=250, class_wise=False),
        voting_thr=0.95))
