# OpenTAD's variant, whose weights are public: long videos are cropped in
# training and resized in testing, not thinned out
_base_ = [
    '../_base_/models/dyfadet_fineaction.py', '../_base_/models/opentad.py',
    '../_base_/datasets/fineaction_videomaev2-g.py',
    '../_base_/schedules/adamw_16e.py', '../_base_/default_runtime.py'
]

model = dict(
    data_preprocessor=_base_.opentad.data_preprocessor,
    backbone=_base_.opentad.backbone,
    neck=_base_.opentad.neck,
    head=_base_.opentad.head,
    # with one class all points enter NMS, whatever they score
    postprocessor=dict(
        score_thr=0., pre_nms_topk=None, **_base_.opentad.postprocessor),
    score_fusion=dict(
        type='ScoreFusion',
        score_file='${score_file}',
        topk=2,
        method='sqrt',
        max_num=None,
        softmax=False))

train_pipeline = [_base_.train_pipeline[0], *_base_.train_pipeline[2:]]
test_pipeline = [
    _base_.test_pipeline[0],
    dict(type='ResizeFeatures', length='${max_seq_len}', only_longer=True),
    *_base_.test_pipeline[2:]
]
