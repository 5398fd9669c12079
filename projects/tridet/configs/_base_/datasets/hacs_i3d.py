# The official features of HACS, a folder per subset
_base_ = '../../../../../configs/_base_/datasets/hacs_slowfast.py'

feature_dir = 'i3d_features/{subset}/'

feat_dim = 2048
feat_stride = 1
feat_num_frames = 1
fps = 2  # at which the features were extracted
max_seq_len = 512

load_features = dict(type='LoadFeatures', feat_dim=feat_dim)
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
test_pipeline = [load_features, *_base_.test_pipeline[1:]]

features = dict(
    data_prefix=dict(feats=feature_dir),
    file_suffix='.npy',
    feat_stride=feat_stride,
    feat_num_frames=feat_num_frames,
    fps=fps)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, **features))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, **features))
test_dataloader = val_dataloader
