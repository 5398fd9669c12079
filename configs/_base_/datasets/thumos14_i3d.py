_base_ = 'tad.py'

dataset_type = 'THUMOS14Dataset'
data_root = 'data/thumos14/'
ann_file = 'annotations/thumos14.json'
feature_dir = 'i3d_features/'
train_subset = 'validation'
val_subset = 'test'
# some releases of the features lack a video, as the published code
filter_missing = True

num_classes = 20
feat_dim = 2048
feat_stride = 4
feat_num_frames = 16
max_seq_len = 2304
