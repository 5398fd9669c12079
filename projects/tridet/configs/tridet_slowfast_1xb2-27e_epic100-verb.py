_base_ = [
    '_base_/models/tridet_epic100.py',
    '../../../configs/_base_/datasets/epic100-verb_slowfast.py',
    '_base_/schedules/adamw_27e_epic100-verb.py',
    '../../../configs/_base_/default_runtime.py'
]

model = dict(
    data_preprocessor=dict(size_divisor=160),  # 32 * 5
    # kernel and factor only size convolutions that stay zero, see init_std
    backbone=dict(kernel_size=5, factor=2))
