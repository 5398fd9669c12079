dataset_type = 'HACSDataset'
data_root = 'data/hacs/'
ann_file = 'annotations/HACS_segments_v1.1.1_slowfast.json'
feature_dir = 'slowfast_features/{subset}/'
score_file = data_root + 'annotations/validation94.32.json'  # of TCANet

num_classes = 200
feat_dim = 2304  # slow 2048, then fast 256
feat_stride = 8
feat_num_frames = 32
fps = 15  # at which the features were extracted
max_seq_len = 960
tiou_thresholds = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]

load_features = dict(
    type='LoadFeatures',
    reader=dict(type='SlowFastPickleReader'),
    feat_dim=feat_dim)
train_pipeline = [
    load_features,
    dict(type='SecondsToGrid'),
    dict(type='ClipActions', margin=0.),
    dict(
        type='RandomTruncate',
        max_seq_len=max_seq_len,
        trunc_thresh=0.5,
        crop_ratio=(0.9, 1.0)),
    dict(type='PackTADInputs')
]
test_pipeline = [
    load_features,
    dict(type='SecondsToGrid'),
    dict(type='PackTADInputs')
]

train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file=ann_file,
        data_prefix=dict(feats=feature_dir),
        file_suffix='.pkl',
        subset='training',
        feat_stride=feat_stride,
        feat_num_frames=feat_num_frames,
        fps=fps,
        filter_cfg=dict(filter_empty_gt=True),
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
        file_suffix='.pkl',
        subset='validation',
        feat_stride=feat_stride,
        feat_num_frames=feat_num_frames,
        fps=fps,
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(type='TADMapMetric', tiou_thresholds=tiou_thresholds)
test_evaluator = val_evaluator
