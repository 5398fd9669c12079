# DyFADet on your own features, with what docs/training.md found to help. The
# settings are those of dyfadet_custom.py and these; tools/misc/configure.py
# writes a child config for your data.
_base_ = 'dyfadet_custom.py'

pad_to = 'divisor'
channel_dropout = 0.5  # share of feature channels that training hides
weight_decay = 0.2  # eight times the published one
# cells to the farther end of an action, for each level
regression_ranges = [(0, 4), (4, 8), (8, 16), (16, 32), (32, 64), (64, 10000)]
# detections
score_thr = 0.001
nms_sigma = 0.5
max_num = 2000  # per video

model = dict(
    data_preprocessor=dict(channel_dropout='${channel_dropout}'),
    head=dict(
        type='DyTridentHead',
        num_bins=16,
        regression_ranges='${regression_ranges}'),
    postprocessor=dict(
        score_thr='${score_thr}',
        nms=dict(sigma='${nms_sigma}', max_num='${max_num}')))

optim_wrapper = dict(optimizer=dict(weight_decay='${weight_decay}'))
