_base_ = [
    '_base_/models/tridet_activitynet.py',
    '../../../configs/_base_/datasets/activitynet_tsp.py',
    '_base_/schedules/adamw_15e_activitynet.py',
    '../../../configs/_base_/default_runtime.py'
]

# scores of CUHK; DyFADet takes those of UniFormerV2
score_file = '${data_root}annotations/cuhk_val_simp_share.json'

model = dict(
    score_fusion=dict(
        type='ScoreFusion',
        score_file='${score_file}',
        topk=2,
        method='sqrt',
        max_num=200,
        softmax=False))

batch_size = 16
