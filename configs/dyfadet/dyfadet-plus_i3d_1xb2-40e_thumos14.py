# The plus recipe on THUMOS14, not trained here
_base_ = [
    '../_base_/models/dyfadet_plus.py', '../_base_/datasets/thumos14_i3d.py',
    '../_base_/schedules/adamw_40e.py', '../_base_/default_runtime.py'
]
