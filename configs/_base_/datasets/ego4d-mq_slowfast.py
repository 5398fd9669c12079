dataset_type = 'Ego4DMQDataset'
data_root = 'data/ego4d/'
# clips as ActionFormer cuts them, actions shorter than 0.25 s left out
ann_file = 'annotations/ego4d_mq.json'
feature_dir = 'slowfast_features/'

num_classes = 110
feat_dim = 2304
feat_stride = 16
feat_num_frames = 32
fps = 30  # at which the features were extracted
max_seq_len = 1024
tiou_thresholds = [0.1, 0.2, 0.3, 0.4, 0.5]

train_pipeline = [
    dict(type='LoadFeatures', feat_dim=feat_dim),
    dict(type='SecondsToGrid'),
    dict(
        type='RandomTruncate',
        max_seq_len=max_seq_len,
        trunc_thresh=0.3,
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
        subset='training',
        feat_stride=feat_stride,
        feat_num_frames=feat_num_frames,
        fps=fps,
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
        subset='validation',
        feat_stride=feat_stride,
        feat_num_frames=feat_num_frames,
        fps=fps,
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = val_dataloader

# the published code has no Recall@kx, which is the benchmark's second number
val_evaluator = [
    dict(type='TADMapMetric', tiou_thresholds=tiou_thresholds),
    dict(type='TADRecallMetric', ks=(1, 5), tiou_thresholds=tiou_thresholds)
]
test_evaluator = val_evaluator
