# Neither the paper nor the published code has this data set: the model of
# THUMOS14, with the number of detections that TriDet has for MultiTHUMOS
_base_ = [
    '../_base_/models/dyfadet.py', '../_base_/datasets/multithumos_i3d.py',
    '../_base_/schedules/adamw_40e.py', '../_base_/default_runtime.py'
]

model = dict(postprocessor=dict(pre_nms_topk=8000, nms=dict(max_num=8000)))
