# ActionFormer as published for ActivityNet: it finds actions of one class in
# features of 192 cells, and video-level scores name them afterwards
_base_ = 'actionformer.py'

width = 256

model = dict(
    data_preprocessor=dict(
        size_divisor=96),  # 16 * 6, of the last level but one
    backbone=dict(
        # the coarsest level attends to all of its 6 cells
        window=[7, 7, 7, 7, 7, -1],
        position=dict(type='SinusoidPosition', max_seq_len='${max_seq_len}')),
    head=dict(
        loss_reg=dict(loss_weight=2.0),
        loss_normalizer=dict(init_value=200.),
        label_smoothing=0.1),
    postprocessor=dict(
        min_length=0.001,
        nms=dict(sigma=0.75, max_num=100, class_wise=False),
        voting_thr=0.9))
