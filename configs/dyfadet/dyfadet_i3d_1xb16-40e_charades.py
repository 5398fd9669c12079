# Neither the paper nor the published code has this data set: the model of
# THUMOS14, with the length, batch and suppression of OpenTAD's ActionFormer
_base_ = [
    '../_base_/models/dyfadet.py', '../_base_/datasets/charades_i3d.py',
    '../_base_/schedules/adamw_40e.py', '../_base_/default_runtime.py'
]

model = dict(postprocessor=dict(nms=dict(sigma=0.3, max_num=1000)))

auto_scale_lr = dict(base_batch_size=16)
