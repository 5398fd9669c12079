# DyFADet as published for FineAction: that for ActivityNet, one level deeper.
# The paper names Ego4D as the only exception from 2 + 5 layers.
_base_ = 'dyfadet_activitynet.py'

model = dict(
    data_preprocessor=dict(
        size_divisor=960,  # 64 * 15
        input_noise=0.5),
    backbone=dict(arch=(2, 2, 6), factor=1.3, init_std=0.2),
    head=dict(regression_ranges=[(0,
                                  4), (4,
                                       8), (8,
                                            16), (16,
                                                  32), (32,
                                                        64), (64,
                                                              128), (128,
                                                                     10000)]))
