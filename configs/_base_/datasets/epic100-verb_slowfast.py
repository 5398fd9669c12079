_base_ = 'tad.py'

dataset_type = 'EpicKitchens100Dataset'
task = 'verb'
data_root = 'data/epic100/'
ann_file = 'annotations/epic_kitchens_100_${task}.json'
feature_dir = 'slowfast_features/'

num_classes = 97
feat_dim = 2304
feat_stride = 16
feat_num_frames = 32
fps = 30  # at which the features were extracted
max_seq_len = 2304
trunc_thresh = 0.3
tiou_thresholds = [0.1, 0.2, 0.3, 0.4, 0.5]

load_features = dict(reader=dict(type='NpzReader', key='feats'))

files = dict(task='${task}', file_suffix='.npz')
train_dataloader = dict(dataset=files)
val_dataloader = dict(dataset=files)
test_dataloader = val_dataloader
