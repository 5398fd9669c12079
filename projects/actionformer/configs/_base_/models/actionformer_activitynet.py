# ActionFormer as published for ActivityNet: it finds actions of one class in
# features of 192 cells, and video-level scores name them afterwards
_base_ = 'actionformer.py'

model = dict(
    data_preprocessor=dict(
        max_seq_len=192, size_divisor=96),  # 16 * 6, of the last level but one
    backbone=dict(
        embed_channels=256,
        # the coarsest level attends to all of its 6 cells
        window=[7, 7, 7, 7, 7, -1],
        position=dict(type='SinusoidPosition', max_seq_len=192)),
    neck=dict(channels=256),
    head=dict(
        num_classes=1,
        in_channels=256,
        feat_channels=256,
        loss_reg=dict(loss_weight=2.0),
        loss_normalizer=dict(init_value=200.),
        label_smoothing=0.1),
    postprocessor=dict(
        min_length=0.001,
        nms=dict(sigma=0.75, max_num=100, class_wise=False),
        voting_thr=0.9))
