# All videos have as many cells, so that nothing is padded
_base_ = 'dyfadet_activitynet_frames.py'

channel_dropout = 0.5  # share of feature channels that training hides

model = dict(
    data_preprocessor=dict(
        padding='ignored', channel_dropout='${channel_dropout}'),
    head=dict(type='DyTridentHead', num_bins=16))
