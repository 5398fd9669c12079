# The videos and features of THUMOS14 with denser annotations
_base_ = 'thumos14_i3d.py'

dataset_type = 'MultiTHUMOSDataset'
data_root = 'data/multithumos/'
ann_file = 'annotations/multithumos.json'

num_classes = 65
tiou_thresholds = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
