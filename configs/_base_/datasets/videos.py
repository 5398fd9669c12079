# Data sets of videos, whose frames the detector reads
_base_ = 'loaders.py'

dataset_type = 'TADVideoDataset'
video_dir = 'videos/'
feat_num_frames = None  # frames from the first to the last one of a cell
frames_per_cell = 1
image_size = (160, 160)  # pixels
train_scale = (-1, 182)  # -1 is the longer side; of this a part is cut out
test_scale = (-1, 160)
trunc_thresh = 0.75  # share of an action that a crop has to show

open_video = dict(type='mmaction.DecordInit', num_threads=4)
sample = dict(type='SampleCellFrames', frames_per_cell='${frames_per_cell}')
truncate = dict(
    type='RandomTruncate',
    max_seq_len='${max_seq_len}',
    trunc_thresh='${trunc_thresh}',
    crop_ratio=(0.9, 1.0))
decode = dict(type='mmaction.DecordDecode')
# the same for all frames of a crop; the published recipe has ImgAug besides
augment = [
    dict(type='mmaction.Resize', scale='${train_scale}'),
    dict(type='mmaction.RandomResizedCrop'),
    dict(type='mmaction.Resize', scale='${image_size}', keep_ratio=False),
    dict(type='mmaction.Flip', flip_ratio=0.5),
    dict(type='mmaction.ColorJitter')
]
resize = [
    dict(type='mmaction.Resize', scale='${test_scale}'),
    dict(type='mmaction.CenterCrop', crop_size='${image_size}')
]
train_pipeline = [
    '${open_video}', '${sample}',
    dict(type='SecondsToGrid'), truncate,
    dict(type='SelectFrames'), decode, *augment,
    dict(type='PackTADInputs')
]
test_pipeline = [
    '${open_video}', '${sample}',
    dict(type='SecondsToGrid'),
    dict(type='SelectFrames'),
    dict(type='DecodeInPieces', transforms=[decode, *resize]),
    dict(type='PackTADInputs')
]

train_dataloader = dict(dataset=dict(data_prefix=dict(video='${video_dir}')))
val_dataloader = train_dataloader
test_dataloader = train_dataloader

del truncate, decode, augment, resize  # helps of this file, and no settings
