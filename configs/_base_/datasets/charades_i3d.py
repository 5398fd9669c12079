# RGB features of I3D, as TriDet's follow-up publishes them
_base_ = 'tad.py'

dataset_type = 'CharadesDataset'
data_root = 'data/charades/'
ann_file = 'annotations/charades.json'
feature_dir = 'i3d_features/'
train_subset = 'train'
val_subset = 'test'

num_classes = 157
feat_dim = 1024
feat_stride = 4
feat_num_frames = 16
max_seq_len = 512
batch_size = 16
tiou_thresholds = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]

load_features = dict(
    _delete_=True,
    type='LoadFeatures',
    reader=dict(type='NpzReader', key='feature', squeeze=True),
    channels=(0, '${feat_dim}'))

train_dataloader = dict(
    dataset=dict(
        file_suffix='-rgb.npz', filter_cfg=dict(filter_empty_gt=True)))
val_dataloader = dict(dataset=dict(file_suffix='-rgb.npz'))
test_dataloader = val_dataloader
