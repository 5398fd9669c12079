# What all ablations share: the published recipe of THUMOS14 with I3D features,
# all but the encoder and the head. Its settings, those of the data set base
# included, can be given with --cfg-options or in a child config, to run any
# ablation on any data set.
_base_ = [
    'models/ablation.py', 'datasets/thumos14_i3d.py', 'schedules/adamw_40e.py',
    'default_runtime.py'
]

dataset_type = 'TADDataset'  # reads what THUMOS14Dataset reads, and any other
num_classes = None  # counted in the training data
mlp_channels = 768  # hidden channels of the encoders that have an MLP of it
pad_to = 'max_seq_len'  # or 'divisor', which ignores padding and is faster

model = dict(data_preprocessor=dict(pad_to='${pad_to}'))
