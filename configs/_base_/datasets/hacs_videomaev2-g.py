_base_ = 'hacs_slowfast.py'

ann_file = 'annotations/HACS_segments_v1.1.1_videomaev2_new.json'
feature_dir = 'videomaev2-g_features/'  # one folder, partly float16

feat_dim = 1408
feat_num_frames = 16
fps = None  # of each video, in ann_file
max_seq_len = 1216  # the paper says 960

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
    ann_file=ann_file,
    data_prefix=dict(feats=feature_dir),
    file_prefix='v_',
    file_suffix='.npy',
    feat_num_frames=feat_num_frames,
    fps=fps)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, **features))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, **features))
test_dataloader = val_dataloader
