# OpenTAD's variant, whose weights are public: 14 epochs as in the paper, long
# videos resized, three classes per video instead of two
_base_ = [
    '../_base_/models/dyfadet_hacs.py', '../_base_/models/opentad.py',
    '../_base_/datasets/hacs_slowfast.py', '../_base_/schedules/adamw_14e.py',
    '../_base_/default_runtime.py'
]

model = dict(
    data_preprocessor=_base_.opentad.data_preprocessor,
    backbone=_base_.opentad.backbone,
    neck=_base_.opentad.neck,
    head=_base_.opentad.head,
    postprocessor=_base_.opentad.postprocessor,
    score_fusion=dict(
        type='ScoreFusion',
        score_file='${score_file}',
        topk=3,
        method='product',
        max_num=None,
        softmax=True,
        scale=2.))

test_pipeline = [
    _base_.test_pipeline[0],
    dict(type='ResizeFeatures', length='${max_seq_len}', only_longer=True),
    *_base_.test_pipeline[1:]
]
