# The same for ActivityNet, without classes
_base_ = 'actionformer_frames.py'

width = 256

model = dict(
    backbone=dict(
        position=dict(type='SinusoidPosition', max_seq_len='${max_seq_len}')),
    head=dict(
        loss_reg=dict(loss_weight=2.0),
        loss_normalizer=dict(init_value=200.),
        label_smoothing=0.1),
    # with one class all points enter NMS, whatever they score
    postprocessor=dict(
        score_thr=0.,
        pre_nms_topk=None,
        nms=dict(max_num=100, class_wise=False),
        voting_thr=0.9),
    score_fusion=dict(
        type='ScoreFusion',
        score_file='${score_file}',
        topk=2,
        method='product',
        max_num=None,
        softmax=False))
