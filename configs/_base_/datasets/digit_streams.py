# The embedded data set, written by tools/dataset_converters/digit_streams.py
_base_ = 'tad.py'

data_root = 'data/digit_streams/'

num_classes = 10
feat_dim = 64
feat_stride = 1
feat_num_frames = 1
max_seq_len = 256
batch_size = 8
# handing a batch over from a worker takes longer than making it of such
# small features, which LoadFeatures keeps in memory
num_workers = 0

val_dataloader = dict(batch_size=4)
test_dataloader = val_dataloader
