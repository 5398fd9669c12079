dataset_type = 'ActivityNetDataset'
data_root = 'data/activitynet/'
# of ActivityNet's 10024 training videos, the 9987 with features and actions
ann_file = 'annotations/anet1.3_tsp_filtered.json'
feature_dir = 'tsp_features/'
# scores of UniFormerV2, the file of the published code; ActionFormer and
# TriDet use CUHK's, so their results cannot be compared like for like
score_file = data_root + (
    'annotations/new_3ensemble_uniformerv2_large_only_global_anet_16x10x3.json'
)

num_classes = 1  # class-agnostic: score_file gives the classes
feat_dim = 512
feat_stride = 16
feat_num_frames = 16
fps = 15  # at which the features were extracted
max_seq_len = 768
tiou_thresholds = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]

train_pipeline = [
    dict(type='LoadFeatures', feat_dim=feat_dim),
    dict(type='SecondsToGrid'),
    dict(type='ClipActions', margin='half_window', min_share=0.5),
    dict(
        type='RandomTruncate',
        max_seq_len=max_seq_len,
        trunc_thresh=0.5,
        crop_ratio=(0.9, 1.0)),
    dict(type='PackTADInputs')
]
test_pipeline = [
    dict(type='LoadFeatures', feat_dim=feat_dim),
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
        subset='validation',
        feat_stride=feat_stride,
        feat_num_frames=feat_num_frames,
        fps=fps,
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(type='TADMapMetric', tiou_thresholds=tiou_thresholds)
test_evaluator = val_evaluator
