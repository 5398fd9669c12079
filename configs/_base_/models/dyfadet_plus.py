# DyFADet with what was found to help on other data, see docs/training.md: the
# boundary distributions of TriDet on towers of the DyHead that cannot shut,
# statistics without padding, channels that drop out
_base_ = 'dyfadet.py'

channel_dropout = 0.5  # share of feature channels that training hides

model = dict(
    data_preprocessor=dict(
        pad_to='divisor', channel_dropout='${channel_dropout}'),
    head=dict(type='DyTridentHead', num_bins=16))
