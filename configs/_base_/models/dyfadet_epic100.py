# DyFADet as published for EPIC-Kitchens-100; encoders differ per task
_base_ = 'dyfadet.py'

model = dict(
    backbone=dict(mlp_channels=1024),
    head=dict(
        regression_ranges=[(0, 4), (2, 8), (4, 16), (8, 32), (16, 64),
                           (32, 10000)],
        loss_normalizer=dict(init_value=250.)),
    postprocessor=dict(pre_nms_topk=5000, nms=dict(sigma=0.4)))
