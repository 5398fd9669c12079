_base_ = [
    '../_base_/models/dyfadet.py',
    '../_base_/datasets/thumos14_videomaev2-g.py',
    '../_base_/schedules/adamw_60e.py', '../_base_/default_runtime.py'
]

model = dict(
    backbone=dict(
        # a twentieth of what all other settings have
        drop_path_rate=0.005))
