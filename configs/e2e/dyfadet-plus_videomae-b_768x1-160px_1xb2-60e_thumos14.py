_base_ = [
    '../_base_/models/dyfadet_plus_frames.py',
    '../_base_/encoders/videomae-b.py',
    '../_base_/datasets/thumos14_videos.py',
    '../_base_/schedules/adamw_60e_adapters.py', '../_base_/default_runtime.py'
]

adapter_lr_mult = 4.  # as published for this size
