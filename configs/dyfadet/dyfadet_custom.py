# DyFADet on your own features. The settings below, and any other key of this
# config, are changed in a child config or with --cfg-options. '${name}' stands
# for the variable `name`, wherever it is set last.
_base_ = [
    '../_base_/models/dyfadet.py', '../_base_/datasets/tad.py',
    '../_base_/schedules/adamw_40e.py', '../_base_/default_runtime.py'
]

# data: ActivityNet-style annotations and one npy file (T, C) per video; more
# settings of the data are in ../_base_/datasets/tad.py and loaders.py
data_root = 'data/custom/'
ann_file = 'annotations.json'
feature_dir = 'features/'
feat_dim = 2048  # C
feat_stride = 4  # frames between two cells
feat_num_frames = 16  # frames one cell has seen
# Without workers, as features kept in memory cost less than their way from
# another process. For large features: 4
num_workers = 0

# model and training
width = 512  # channels of encoder, neck and head
max_seq_len = 2304  # cells; longer videos are cropped in training
pad_to = 'max_seq_len'  # or 'divisor', which ignores padding and is faster
batch_size = 2
lr = 1e-4
warmup_epochs = 20
max_epochs = 40  # warm-up included
# weights averaged over a quarter of the iterations so far: a fixed average of
# 1,000 iterations, that of long trainings, is of no use for few
ema = dict(
    type='EMAHook',
    ema_type='MomentumAnnealingEMA',
    gamma=4,
    momentum=0.001,
    priority='ABOVE_NORMAL')
custom_hooks = ['${ema}']

# gates that cannot shut for ever
model = dict(
    data_preprocessor=dict(pad_to='${pad_to}'),
    head=dict(gate_bias=1.5, trains_shut=True))

train_cfg = dict(val_begin=1, val_interval=5, dynamic_intervals=None)
