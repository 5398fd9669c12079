dataset_type = 'THUMOS14Dataset'
data_root = 'data/thumos14/'
ann_file = 'annotations/thumos14.json'
feature_dir = 'i3d_features/'

num_classes = 20
feat_dim = 2048
feat_stride = 4
feat_num_frames = 16
max_seq_len = 2304
tiou_thresholds = [0.3, 0.4, 0.5, 0.6, 0.7]

train_pipeline = [
    dict(type='LoadFeatures', feat_dim=feat_dim),
    dict(type='SecondsToGrid'),
    dict(
        type='RandomTruncate',
        max_seq_len=max_seq_len,
        trunc_thresh=0.5,
        crop_ratio=(0.9, 1.0)),
    dict(type='PackTADInputs')
]
test_pipeline = [
    dict(type='LoadFeatures', feat_dim=feat_dim),
    dict(type='SecondsToGrid'),
    dict(type='PackTADInputs')
]

train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file=ann_file,
        data_prefix=dict(feats=feature_dir),
        subset='validation',
        feat_stride=feat_stride,
        feat_num_frames=feat_num_frames,
        # some releases of the features lack a video, as the published code
        filter_missing=True,
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file=ann_file,
        data_prefix=dict(feats=feature_dir),
        subset='test',
        feat_stride=feat_stride,
        feat_num_frames=feat_num_frames,
        filter_missing=True,
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(type='TADMapMetric', tiou_thresholds=tiou_thresholds)
test_evaluator = val_evaluator
