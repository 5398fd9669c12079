# RGB features of I3D, as TriDet's follow-up publishes them
dataset_type = 'CharadesDataset'
data_root = 'data/charades/'
ann_file = 'annotations/charades.json'
feature_dir = 'i3d_features/'

num_classes = 157
feat_dim = 1024
feat_stride = 4
feat_num_frames = 16
max_seq_len = 512
tiou_thresholds = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]

load_features = dict(
    type='LoadFeatures',
    reader=dict(type='NpzReader', key='feature', squeeze=True),
    channels=(0, feat_dim))
train_pipeline = [
    load_features,
    dict(type='SecondsToGrid'),
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
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file=ann_file,
        data_prefix=dict(feats=feature_dir),
        file_suffix='-rgb.npz',
        subset='train',
        feat_stride=feat_stride,
        feat_num_frames=feat_num_frames,
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
        file_suffix='-rgb.npz',
        subset='test',
        feat_stride=feat_stride,
        feat_num_frames=feat_num_frames,
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(type='TADMapMetric', tiou_thresholds=tiou_thresholds)
test_evaluator = val_evaluator
