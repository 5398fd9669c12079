# The loaders of every data set. A data set's file inherits from this one, sets
# the variables and adds what is its own. '${name}' stands for the variable
# `name` of the whole config, wherever it is set last; a key that is set itself
# wins over the variable.
dataset_type = 'TADDataset'
data_root = 'data/custom/'
ann_file = 'annotations.json'
feature_dir = 'features/'
train_subset = 'training'
val_subset = 'validation'
classes = None  # names in label order; None reads them from ann_file
num_classes = None  # of the detector; None counts those of the training data
fps = None  # of all videos; None reads it from ann_file
filter_missing = False  # True skips videos without features
trunc_thresh = 0.5  # share of an action that a crop has to show
crop_margin = 0.  # cells that a crop shows beside its own
batch_size = 2
num_workers = 4  # processes that load
tiou_thresholds = [0.3, 0.4, 0.5, 0.6, 0.7]

load_features = dict(type='LoadFeatures', feat_dim='${feat_dim}')
train_pipeline = [
    '${load_features}',
    dict(type='SecondsToGrid'),
    dict(
        type='RandomTruncate',
        max_seq_len='${max_seq_len}',
        trunc_thresh='${trunc_thresh}',
        crop_ratio=(0.9, 1.0),
        margin='${crop_margin}'),
    dict(type='PackTADInputs')
]
test_pipeline = [
    '${load_features}',
    dict(type='SecondsToGrid'),
    dict(type='PackTADInputs')
]

dataset = dict(
    type='${dataset_type}',
    data_root='${data_root}',
    ann_file='${ann_file}',
    data_prefix=dict(feats='${feature_dir}'),
    metainfo=dict(classes='${classes}'),
    feat_stride='${feat_stride}',
    feat_num_frames='${feat_num_frames}',
    fps='${fps}',
    filter_missing='${filter_missing}')
train_dataloader = dict(
    batch_size='${batch_size}',
    num_workers='${num_workers}',
    persistent_workers='${num_workers}',  # where there are any: 0 is False
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        dataset, subset='${train_subset}', pipeline='${train_pipeline}'))
val_dataloader = dict(
    batch_size=1,
    num_workers='${num_workers}',
    persistent_workers='${num_workers}',
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        dataset,
        subset='${val_subset}',
        test_mode=True,
        pipeline='${test_pipeline}'))
test_dataloader = val_dataloader

val_evaluator = dict(type='TADMapMetric', tiou_thresholds='${tiou_thresholds}')
test_evaluator = val_evaluator

del dataset  # a help of this file, and no setting
