# DyFADet behind an encoder of frames, as published for ActivityNet on features
_base_ = 'dyfadet_activitynet.py'

model = dict(
    encoder='${encoder}',
    score_fusion=dict(
        type='ScoreFusion',
        score_file='${score_file}',
        topk=2,
        method='sqrt',
        max_num=200,
        softmax=False))
