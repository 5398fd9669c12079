_base_ = [
    '../_base_/models/dyfadet.py', '../_base_/datasets/thumos14_i3d.py',
    '../_base_/schedules/adamw_40e.py', '../_base_/default_runtime.py'
]
