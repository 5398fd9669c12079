# DyFADet for Ego4D Moment Queries. The published yamls of this data set do not
# build: they were written for other detectors. That of EgoVLP asks for the
# encoder of ActionFormer, turns the DyHead off and gives the MLP no width.
# Here encoder and head are DyFADet's, and the MLP is four times as wide as the
# encoder, the published code's default; all else is as in that yaml, with
# 2 + 7 layers as in the paper.
_base_ = 'dyfadet.py'

width = 384

model = dict(
    data_preprocessor=dict(
        size_divisor=1152,  # 128 * 9
        input_noise=0.),
    backbone=dict(
        arch=(2, 2, 7),
        # only size convolutions that stay zero, see init_std
        kernel_size=9,
        factor=4,
        mlp_channels=1536,
        position=dict(type='SinusoidPosition', max_seq_len='${max_seq_len}')),
    head=dict(regression_ranges=[(0, 4), (2, 8), (4, 16), (8, 32), (
        16, 64), (32, 128), (64, 256), (128, 10000)]),
    postprocessor=dict(pre_nms_topk=5000, nms=dict(sigma=0.9)))
