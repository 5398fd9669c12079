# ActionFormer as published for EPIC-Kitchens-100
_base_ = 'actionformer.py'

model = dict(
    data_preprocessor=dict(size_divisor=256),  # 32 * 8
    backbone=dict(window=9),
    head=dict(
        regression_ranges=[(0, 4), (2, 8), (4, 16), (8, 32), (16, 64),
                           (32, 10000)],
        loss_normalizer=dict(init_value=250.)),
    postprocessor=dict(pre_nms_topk=5000, nms=dict(sigma=0.4, max_num=2000)))
