_base_ = [
    '_base_/models/actionformer_epic100.py',
    '_base_/datasets/epic100-verb_slowfast.py',
    '_base_/schedules/adamw_21e.py',
    '../../../configs/_base_/default_runtime.py'
]
