# Data sets of features
_base_ = 'loaders.py'

feature_dir = 'features/'
trunc_thresh = 0.5  # share of an action that a crop has to show
crop_margin = 0.  # cells that a crop shows beside its own

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

train_dataloader = dict(dataset=dict(data_prefix=dict(feats='${feature_dir}')))
val_dataloader = train_dataloader
test_dataloader = train_dataloader
