_base_ = 'tad.py'

dataset_type = 'ActivityNetDataset'
data_root = 'data/activitynet/'
# of ActivityNet's 10024 training videos, the 9987 with features and actions
ann_file = 'annotations/anet1.3_tsp_filtered.json'
feature_dir = 'tsp_features/'
# scores of UniFormerV2, the file of the published code; ActionFormer and
# TriDet use CUHK's, so their results cannot be compared like for like
score_file = ('${data_root}annotations/'
              'new_3ensemble_uniformerv2_large_only_global_anet_16x10x3.json')

num_classes = 1  # class-agnostic: score_file gives the classes
feat_dim = 512
feat_stride = 16
feat_num_frames = 16
fps = 15  # at which the features were extracted
max_seq_len = 768
batch_size = 8
tiou_thresholds = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]

train_pipeline = [
    *_base_.train_pipeline[:2],
    dict(type='ClipActions', margin='half_window', min_share=0.5),
    *_base_.train_pipeline[2:]
]
train_dataloader = dict(dataset=dict(filter_cfg=dict(filter_empty_gt=True)))
