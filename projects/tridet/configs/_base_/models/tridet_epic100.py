# TriDet as published for EPIC-Kitchens-100; encoders differ per task
_base_ = 'tridet.py'

model = dict(
    data_preprocessor=dict(input_noise=0.),
    backbone=dict(mlp_channels=1024),
    head=dict(
        iou_weight_power=0.25,
        regression_ranges=[(0, 4), (2, 8), (4, 16), (8, 32), (16, 64),
                           (32, 10000)],
        loss_normalizer=dict(init_value=250.)),
    postprocessor=dict(pre_nms_topk=5000, nms=dict(sigma=0.4)))
