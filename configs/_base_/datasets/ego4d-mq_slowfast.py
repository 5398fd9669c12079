_base_ = 'tad.py'

dataset_type = 'Ego4DMQDataset'
data_root = 'data/ego4d/'
# clips as ActionFormer cuts them, actions shorter than 0.25 s left out
ann_file = 'annotations/ego4d_mq.json'
feature_dir = 'slowfast_features/'
filter_missing = True  # clips without features, as the published code

num_classes = 110
feat_dim = 2304
feat_stride = 16
feat_num_frames = 32
fps = 30  # at which the features were extracted
max_seq_len = 1024
trunc_thresh = 0.3
tiou_thresholds = [0.1, 0.2, 0.3, 0.4, 0.5]

# the published code has no Recall@kx, which is the benchmark's second number
val_evaluator = [
    dict(type='TADMapMetric', tiou_thresholds='${tiou_thresholds}'),
    dict(
        type='TADRecallMetric',
        ks=(1, 5),
        tiou_thresholds='${tiou_thresholds}')
]
test_evaluator = val_evaluator
