# The official features of HACS, a folder per subset
_base_ = '../../../../../configs/_base_/datasets/hacs_slowfast.py'

feature_dir = 'i3d_features/{subset}/'

feat_dim = 2048
feat_stride = 1
feat_num_frames = 1
fps = 2  # at which the features were extracted
max_seq_len = 512

load_features = dict(reader=None)  # npy

train_dataloader = dict(dataset=dict(file_suffix='.npy'))
val_dataloader = dict(dataset=dict(file_suffix='.npy'))
test_dataloader = val_dataloader
