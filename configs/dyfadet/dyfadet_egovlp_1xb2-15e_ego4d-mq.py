_base_ = [
    '../_base_/models/dyfadet_ego4d-mq.py',
    '../_base_/datasets/ego4d-mq_egovlp.py',
    '../_base_/schedules/adamw_15e_ego4d-mq.py', '../_base_/default_runtime.py'
]
