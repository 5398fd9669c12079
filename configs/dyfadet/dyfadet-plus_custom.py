# DyFADet on your own features, with what docs/training.md found to help. The
# settings are those of dyfadet_custom.py and these; tools/misc/configure.py
# writes a child config for your data.
_base_ = 'dyfadet_custom.py'

pad_to = 'divisor'
channel_dropout = 0.5  # share of feature channels that training hides
swap_prob = 0.5  # of an action, or what is between two, to be another's
shuffle_prob = 0.  # of its cells to come in any order
weight_decay = 0.2  # eight times the published one
ema = dict(gamma=2)  # over half of the iterations; 4 suits fewer than 200
# cells to the farther end of an action, for each level
regression_ranges = [(0, 3), (3, 6), (6, 12), (12, 24), (24, 48), (48, 10000)]
# detections
score_thr = 0.001
nms_sigma = 0.5
max_num = 2000  # per video

model = dict(
    data_preprocessor=dict(
        channel_dropout='${channel_dropout}',
        batch_augments=[
            dict(
                type='SwapActions',
                prob='${swap_prob}',
                shuffle_prob='${shuffle_prob}')
        ]),
    head=dict(
        type='DyTridentHead',
        num_bins=16,
        rectify_bins=False,
        loss_dfl=dict(type='mmdet.DistributionFocalLoss', loss_weight=0.25),
        regression_ranges='${regression_ranges}'),
    postprocessor=dict(
        score_thr='${score_thr}',
        nms=dict(sigma='${nms_sigma}', max_num='${max_num}')))

optim_wrapper = dict(optimizer=dict(weight_decay='${weight_decay}'))
