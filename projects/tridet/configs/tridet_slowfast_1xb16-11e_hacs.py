_base_ = [
    '_base_/models/tridet_hacs.py',
    '../../../configs/_base_/datasets/hacs_slowfast.py',
    '_base_/schedules/adamw_11e_hacs-slowfast.py',
    '../../../configs/_base_/default_runtime.py'
]

batch_size = 16
