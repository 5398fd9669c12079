_base_ = 'tad.py'

dataset_type = 'FineActionDataset'
data_root = 'data/fineaction/'
# the official file; the published code's annotations_gt_af.json, which adds
# label ids, is not public
ann_file = 'annotations/annotations_gt.json'
feature_dir = 'videomaev2-g_features/'
score_file = ('${data_root}annotations/'
              'new_swinB_1x1x256_views2x3_max_label_avg_prob.json')
# a video of less than 16 frames has no features; the published code stops
# there, OpenTAD has a list of such videos
filter_missing = True

num_classes = 1  # class-agnostic: score_file gives the classes
feat_dim = 1408
feat_stride = 16
feat_num_frames = 16
fps = 30  # at which the features were extracted
max_seq_len = 2304
batch_size = 8
tiou_thresholds = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]

# long videos are thinned out, in testing too, so that the whole of them fits
subsample = dict(type='SubsampleFeatures', max_len='${max_seq_len}')
train_pipeline = [
    _base_.train_pipeline[0], subsample, *_base_.train_pipeline[1:]
]
test_pipeline = [_base_.test_pipeline[0], subsample, *_base_.test_pipeline[1:]]

train_dataloader = dict(dataset=dict(filter_cfg=dict(filter_empty_gt=True)))
