# DyFADet on your own features. Give the settings below with --cfg-options
# or in a child config; bindings.py carries each to the places that use it.
_base_ = [
    '../_base_/models/dyfadet.py', '../_base_/schedules/adamw_40e.py',
    '../_base_/default_runtime.py', '../_base_/bindings.py'
]

# data: ActivityNet-style annotations and one npy file (T, C) per video
data_root = 'data/custom/'
ann_file = 'annotations.json'
feature_dir = 'features/'
train_subset = 'training'
val_subset = 'validation'
classes = None  # names in label order; None reads them from ann_file
num_classes = 20  # follows from the classes
feat_dim = 2048  # C
feat_stride = 4  # frames between two cells
feat_num_frames = 16  # frames one cell has seen
fps = None  # of all videos; None reads it from ann_file
filter_missing = False  # True skips videos without features
tiou_thresholds = [0.3, 0.4, 0.5, 0.6, 0.7]

# model and training
width = 512  # channels of encoder, neck and head
max_seq_len = 2304  # cells; longer videos are cropped in training
pad_to = 'max_seq_len'  # or 'divisor', which ignores padding and is faster
batch_size = 2
lr = 1e-4
warmup_epochs = 20
max_epochs = 40  # warm-up included

train_pipeline = [
    dict(type='LoadFeatures', feat_dim=feat_dim),
    dict(type='SecondsToGrid'),
    dict(type='RandomTruncate', max_seq_len=max_seq_len),
    dict(type='PackTADInputs')
]
test_pipeline = [
    dict(type='LoadFeatures', feat_dim=feat_dim),
    dict(type='SecondsToGrid'),
    dict(type='PackTADInputs')
]

# Without workers, as features kept in memory cost less than their way from
# another process. For large features add to --cfg-options:
# train_dataloader.num_workers=4 train_dataloader.persistent_workers=True
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=0,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='TADDataset',
        data_root=data_root,
        ann_file=ann_file,
        data_prefix=dict(feats=feature_dir),
        metainfo=dict(classes=classes),
        subset=train_subset,
        feat_stride=feat_stride,
        feat_num_frames=feat_num_frames,
        fps=fps,
        filter_missing=filter_missing,
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='TADDataset',
        data_root=data_root,
        ann_file=ann_file,
        data_prefix=dict(feats=feature_dir),
        metainfo=dict(classes=classes),
        subset=val_subset,
        feat_stride=feat_stride,
        feat_num_frames=feat_num_frames,
        fps=fps,
        filter_missing=filter_missing,
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type='TADMapMetric', tiou_thresholds=tiou_thresholds)
test_evaluator = val_evaluator

train_cfg = dict(val_begin=1, val_interval=5, dynamic_intervals=None)
