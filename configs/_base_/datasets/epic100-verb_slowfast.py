dataset_type = 'EpicKitchens100Dataset'
task = 'verb'
data_root = 'data/epic100/'
ann_file = 'annotations/epic_kitchens_100_verb.json'
feature_dir = 'slowfast_features/'

num_classes = 97
feat_dim = 2304
feat_stride = 16
feat_num_frames = 32
fps = 30  # at which the features were extracted
max_seq_len = 2304
tiou_thresholds = [0.1, 0.2, 0.3, 0.4, 0.5]

load_features = dict(
    type='LoadFeatures',
    reader=dict(type='NpzReader', key='feats'),
    feat_dim=feat_dim)
train_pipeline = [
    load_features,
    dict(type='SecondsToGrid'),
    dict(
        type='RandomTruncate',
        max_seq_len=max_seq_len,
        trunc_thresh=0.3,
        crop_ratio=(0.9, 1.0)),
    dict(type='PackTADInputs')
]
test_pipeline = [
    load_features,
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
        task=task,
        data_root=data_root,
        ann_file=ann_file,
        data_prefix=dict(feats=feature_dir),
        file_suffix='.npz',
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
        task=task,
        data_root=data_root,
        ann_file=ann_file,
        data_prefix=dict(feats=feature_dir),
        file_suffix='.npz',
        subset='validation',
        feat_stride=feat_stride,
        feat_num_frames=feat_num_frames,
        fps=fps,
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(type='TADMapMetric', tiou_thresholds=tiou_thresholds)
test_evaluator = val_evaluator
