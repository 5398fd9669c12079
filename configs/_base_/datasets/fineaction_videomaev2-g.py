dataset_type = 'FineActionDataset'
data_root = 'data/fineaction/'
# the official file; the published code's annotations_gt_af.json, which adds
# label ids, is not public
ann_file = 'annotations/annotations_gt.json'
feature_dir = 'videomaev2-g_features/'
score_file = data_root + (
    'annotations/new_swinB_1x1x256_views2x3_max_label_avg_prob.json')

num_classes = 1  # class-agnostic: score_file gives the classes
feat_dim = 1408
feat_stride = 16
feat_num_frames = 16
fps = 30  # at which the features were extracted
max_seq_len = 2304
tiou_thresholds = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]

# long videos are thinned out, in testing too, so that the whole of them fits
train_pipeline = [
    dict(type='LoadFeatures', feat_dim=feat_dim),
    dict(type='SubsampleFeatures', max_len=max_seq_len),
    dict(type='SecondsToGrid'),
    dict(
        type='RandomTruncate',
        max_seq_len=max_seq_len,
        trunc_thresh=0.5,
        crop_ratio=(0.9, 1.0)),
    dict(type='PackTADInputs')
]
test_pipeline = [
    dict(type='LoadFeatures', feat_dim=feat_dim),
    dict(type='SubsampleFeatures', max_len=max_seq_len),
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
        # a video of less than 16 frames has no features; the published code
        # stops there, OpenTAD has a list of such videos
        filter_missing=True,
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
        filter_missing=True,
        test_mode=True,
        pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(type='TADMapMetric', tiou_thresholds=tiou_thresholds)
test_evaluator = val_evaluator
