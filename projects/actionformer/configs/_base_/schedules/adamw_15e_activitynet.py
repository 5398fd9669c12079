# 15 epochs, the first 5 of them warm-up
_base_ = '../../../../../configs/_base_/schedules/adamw_15e_ego4d-mq.py'

lr = 1e-3

auto_scale_lr = dict(base_batch_size=16)
