# DyFADet with what was found to help on other data, see docs/training.md: the
# boundary distributions of TriDet on towers of the DyHead that cannot shut,
# statistics without padding, channels that drop out, actions that swap places
_base_ = 'dyfadet.py'

channel_dropout = 0.5  # share of feature channels that training hides
swap_prob = 0.5  # of an action, or what is between two, to be another's
shuffle_prob = 0.  # of its cells to come in any order

model = dict(
    data_preprocessor=dict(
        pad_to='divisor',
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
        loss_dfl=dict(type='mmdet.DistributionFocalLoss', loss_weight=0.25)))
