# Every video becomes 192 cells; the scores are CUHK's, with which ActionFormer
# and TriDet report
_base_ = '../../../../../configs/_base_/datasets/activitynet_tsp.py'

score_file = 'data/activitynet/annotations/cuhk_val_simp_share.json'
max_seq_len = 192

train_pipeline = [
    dict(type='LoadFeatures', feat_dim=_base_.feat_dim),
    dict(type='ResizeFeatures', length=max_seq_len),
    dict(type='SecondsToGrid'),
    dict(type='ClipActions', margin='half_window', min_share=0.5),
    dict(
        type='RandomTruncate',
        max_seq_len=max_seq_len,
        trunc_thresh=0.5,
        crop_ratio=(0.9, 1.0),
        # a window shows half a feature window more on both sides
        margin='half_window'),
    dict(type='PackTADInputs')
]
test_pipeline = [
    dict(type='LoadFeatures', feat_dim=_base_.feat_dim),
    dict(type='ResizeFeatures', length=max_seq_len),
    dict(type='SecondsToGrid'),
    dict(type='PackTADInputs')
]

train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
