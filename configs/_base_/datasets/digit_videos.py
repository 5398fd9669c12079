# Digit streams as videos of 32 x 32 pixels, a frame a cell, written by
# tools/dataset_converters/digit_videos.py --scattered
_base_ = 'videos.py'

data_root = 'data/digit_streams/'
video_dir = 'scattered/'

num_classes = 10
feat_stride = 1
max_seq_len = 128
batch_size = 4
num_workers = 1

open_video = dict(num_threads=1)
# as they are: neither cut out nor mirrored
frames = [
    dict(type='SelectFrames'),
    dict(type='mmaction.DecordDecode'),
    dict(type='PackTADInputs')
]
train_pipeline = [*_base_.train_pipeline[:4], *frames]
test_pipeline = [*_base_.test_pipeline[:3], *frames]

del frames  # a help of this file, and no setting
