_base_ = [
    '../_base_/models/dyfadet_activitynet.py',
    '../_base_/datasets/activitynet_tsp.py',
    '../_base_/schedules/adamw_15e_activitynet.py',
    '../_base_/default_runtime.py'
]

model = dict(
    score_fusion=dict(
        type='ScoreFusion',
        score_file='${score_file}',
        topk=2,
        # the paper multiplies the scores: the ranks, and so mAP, are the same
        method='sqrt',
        max_num=200))
