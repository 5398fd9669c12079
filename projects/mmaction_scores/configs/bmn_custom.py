# BMN on your own features. The settings are those of dyfadet_custom.py.
_base_ = 'bmn_tsp_1xb16-9e_activitynet.py'

dataset_type = 'TADDataset'
data_root = 'data/custom/'
ann_file = 'annotations.json'
feature_dir = 'features/'
feat_dim = 2048  # C
feat_stride = 4  # frames between two cells
feat_num_frames = 16  # frames one cell has seen
fps = None  # of all videos; None reads it from ann_file
num_workers = 0
