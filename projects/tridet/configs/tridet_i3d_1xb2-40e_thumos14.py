_base_ = [
    '_base_/models/tridet.py',
    '../../../configs/_base_/datasets/thumos14_i3d.py',
    '../../../configs/_base_/schedules/adamw_40e.py',
    '../../../configs/_base_/default_runtime.py'
]
