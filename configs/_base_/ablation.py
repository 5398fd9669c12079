# What all ablations share: the published recipe of THUMOS14 with I3D features,
# all but the encoder and the head. Its settings, those of the data set base
# included, can be given with --cfg-options or in a child config, to run any
# ablation on any data set; bindings.py carries each to the places that use it.
_base_ = [
    'models/ablation.py', 'datasets/thumos14_i3d.py', 'schedules/adamw_40e.py',
    'default_runtime.py', 'bindings.py'
]

# data
dataset_type = 'TADDataset'  # reads what THUMOS14Dataset reads, and any other
train_subset = 'validation'
val_subset = 'test'
classes = None  # names in label order; None reads them from ann_file
fps = None  # of all videos; None reads it from ann_file
filter_missing = True  # skips videos without features
num_workers = None  # None is 4 in training and 2 in testing

# model and training
width = 512  # channels of encoder, neck and head
mlp_channels = 768  # hidden channels of the encoders that have an MLP of it
pad_to = 'max_seq_len'  # or 'divisor', which ignores padding and is faster
batch_size = 2
lr = 1e-4

model = dict(
    backbone=dict(in_channels=_base_.feat_dim, embed_channels=width),
    neck=dict(channels=width),
    head=dict(
        num_classes=_base_.num_classes, in_channels=width,
        feat_channels=width))

any_dataset = dict(type=dataset_type, metainfo=dict(classes=classes), fps=fps)
train_dataloader = dict(dataset=any_dataset)
val_dataloader = dict(dataset=any_dataset)
test_dataloader = val_dataloader
