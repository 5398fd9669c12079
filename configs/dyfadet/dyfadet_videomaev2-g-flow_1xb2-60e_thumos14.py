# The paper reports this setting, but no yaml of it was published: all but the
# features is that of VideoMAE V2 alone
_base_ = [
    '../_base_/models/dyfadet.py',
    '../_base_/datasets/thumos14_videomaev2-g-flow.py',
    '../_base_/schedules/adamw_60e.py', '../_base_/default_runtime.py'
]

model = dict(backbone=dict(drop_path_rate=0.005))
