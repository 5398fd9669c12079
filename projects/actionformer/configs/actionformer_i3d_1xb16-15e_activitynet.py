_base_ = [
    '_base_/models/actionformer_activitynet.py',
    '_base_/datasets/activitynet_i3d.py',
    '_base_/schedules/adamw_15e_activitynet.py',
    '../../../configs/_base_/default_runtime.py'
]

model = dict(
    score_fusion=dict(
        type='ScoreFusion',
        score_file='${score_file}',
        topk=2,
        method='sqrt',
        max_num=200,
        softmax=False))
