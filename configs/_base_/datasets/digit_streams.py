# The embedded data set, written by tools/dataset_converters/digit_streams.py
data_root = 'data/digit_streams/'
ann_file = 'annotations.json'
feature_dir = 'features/'

num_classes = 10
feat_dim = 64
feat_stride = 1
feat_num_frames = 1
max_seq_len = 256
tiou_thresholds = [0.3, 0.4, 0.5, 0.6, 0.7]

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

# handing a batch over from a worker takes longer than making it of such
# small features, which LoadFeatures keeps in memory
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='TADDataset',
        data_root=data_root,
        ann_file=ann_file,
        data_prefix=dict(feats=feature_dir),
        subset='training',
        feat_stride=feat_stride,
        feat_num_frames=feat_num_frames,
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='TADDataset',
        data_root=data_root,
        ann_file=ann_file,
        data_prefix=dict(feats=feature_dir),
        subset='validation',
        feat_stride=feat_stride,
        feat_num_frames=feat_num_frames,
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(type='TADMapMetric', tiou_thresholds=tiou_thresholds)
test_evaluator = val_evaluator
