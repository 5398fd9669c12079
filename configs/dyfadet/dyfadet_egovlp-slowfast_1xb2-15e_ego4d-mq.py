# The paper reports this setting, but no yaml of it was published: all but the
# features is that of EgoVLP alone
_base_ = [
    '../_base_/models/dyfadet_ego4d-mq.py',
    '../_base_/datasets/ego4d-mq_egovlp-slowfast.py',
    '../_base_/schedules/adamw_15e_ego4d-mq.py', '../_base_/default_runtime.py'
]
