# The published yaml of SlowFast does not build: it names the encoder's window
# and its MLP as another detector does (15 and 1024), which is taken over here,
# and leaves out the activation of the head, which all others share. Its
# encoder has 2 + 6 layers; the paper says 2 + 7.
_base_ = [
    '../_base_/models/dyfadet_ego4d-mq.py',
    '../_base_/datasets/ego4d-mq_slowfast.py',
    '../_base_/schedules/adamw_15e_ego4d-mq.py', '../_base_/default_runtime.py'
]

regression_ranges = [(0, 4), (2, 8), (4, 16), (8, 32), (16, 64), (32, 128),
                     (64, 10000)]
model = dict(
    data_preprocessor=dict(
        size_divisor=960,  # 64 * 15
        input_noise=0.01),
    backbone=dict(
        arch=(2, 2, 6), kernel_size=15, factor=1.2, mlp_channels=1024),
    head=dict(regression_ranges=regression_ranges))

# the paper says 0.05, as the published yaml of EgoVLP
optim_wrapper = dict(optimizer=dict(weight_decay=0.025))
