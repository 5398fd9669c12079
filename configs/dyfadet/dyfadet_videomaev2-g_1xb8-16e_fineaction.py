_base_ = [
    '../_base_/models/dyfadet_fineaction.py',
    '../_base_/datasets/fineaction_videomaev2-g.py',
    '../_base_/schedules/adamw_16e.py', '../_base_/default_runtime.py'
]

model = dict(
    score_fusion=dict(
        type='ScoreFusion',
        score_file='${score_file}',
        topk=2,
        method='sqrt',
        max_num=200))
