_base_ = 'hacs_slowfast.py'

ann_file = 'annotations/HACS_segments_v1.1.1_videomaev2_new.json'
feature_dir = 'videomaev2-g_features/'  # one folder, partly float16

feat_dim = 1408
feat_num_frames = 16
fps = None  # of each video, in ann_file
max_seq_len = 1216  # the paper says 960

load_features = dict(reader=None)  # npy

files = dict(file_prefix='v_', file_suffix='.npy')
train_dataloader = dict(dataset=files)
val_dataloader = dict(dataset=files)
test_dataloader = val_dataloader
