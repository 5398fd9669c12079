_base_ = [
    '_base_/models/actionformer.py', '_base_/datasets/thumos14_i3d.py',
    '_base_/schedules/adamw_35e.py',
    '../../../configs/_base_/default_runtime.py'
]
