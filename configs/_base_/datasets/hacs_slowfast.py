_base_ = 'tad.py'

dataset_type = 'HACSDataset'
data_root = 'data/hacs/'
ann_file = 'annotations/HACS_segments_v1.1.1_slowfast.json'
feature_dir = 'slowfast_features/{subset}/'
score_file = '${data_root}annotations/validation94.32.json'  # of TCANet

num_classes = 200
feat_dim = 2304  # slow 2048, then fast 256
feat_stride = 8
feat_num_frames = 32
fps = 15  # at which the features were extracted
max_seq_len = 960
batch_size = 8
tiou_thresholds = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]

load_features = dict(reader=dict(type='SlowFastPickleReader'))
train_pipeline = [
    *_base_.train_pipeline[:2],
    dict(type='ClipActions', margin=0.), *_base_.train_pipeline[2:]
]

train_dataloader = dict(
    dataset=dict(file_suffix='.pkl', filter_cfg=dict(filter_empty_gt=True)))
val_dataloader = dict(dataset=dict(file_suffix='.pkl'))
test_dataloader = val_dataloader
