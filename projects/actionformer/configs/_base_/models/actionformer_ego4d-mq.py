# ActionFormer as published for Ego4D Moment Queries; the width depends on the
# features, and SlowFast alone has one level less
_base_ = 'actionformer.py'

model = dict(
    data_preprocessor=dict(size_divisor=1024),  # 128 * 8
    backbone=dict(
        arch=(2, 2, 7),
        window=9,
        dropout=0.1,
        position=dict(type='SinusoidPosition', max_seq_len='${max_seq_len}')),
    head=dict(regression_ranges=[(0, 4), (2, 8), (4, 16), (8, 32), (
        16, 64), (32, 128), (64, 256), (128, 10000)]),
    postprocessor=dict(pre_nms_topk=5000, nms=dict(sigma=0.9, max_num=2000)))
