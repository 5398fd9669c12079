_base_ = [
    '_base_/models/actionformer_activitynet.py',
    '_base_/datasets/activitynet_tsp.py',
    '_base_/schedules/adamw_15e_activitynet.py',
    '../../../configs/_base_/default_runtime.py'
]

model = dict(
    backbone=dict(in_channels=_base_.feat_dim),
    score_fusion=dict(
        type='ScoreFusion',
        score_file=_base_.score_file,
        topk=2,
        method='sqrt',
        max_num=200,
        softmax=False))
