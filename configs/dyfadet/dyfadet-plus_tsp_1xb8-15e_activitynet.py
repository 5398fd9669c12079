# The plus recipe on ActivityNet, not trained here. The windows of its encoder
# learn, as published for this data set.
_base_ = 'dyfadet_tsp_1xb8-15e_activitynet.py'

channel_dropout = 0.5  # share of feature channels that training hides

model = dict(
    data_preprocessor=dict(
        pad_to='divisor', channel_dropout='${channel_dropout}'),
    head=dict(type='DyTridentHead', num_bins=16))
