# ActionFormer as published for Ego4D Moment Queries; the width depends on the
# features, and SlowFast alone has one level less
_base_ = 'actionformer.py'

model = dict(
    data_preprocessor=dict(max_seq_len=1024, size_divisor=1024),  # 128 * 8
    backbone=dict(
        arch=(2, 2, 7),
        window=9,
        dropout=0.1,
        position=dict(type='SinusoidPosition', max_seq_len=1024)),
    neck=dict(num_levels=8),
    head=dict(
        num_classes=110,
        regression_ranges=[(0, 4), (2, 8), (4, 16), (8, 32), (16, 64),
                           (32, 128), (64, 256), (128, 10000)]),
    postprocessor=dict(pre_nms_topk=5000, nms=dict(sigma=0.9, max_num=2000)))
