# The plus recipe, without swapped actions: those of frames cost memory
_base_ = 'dyfadet.py'

channel_dropout = 0.5  # share of feature channels that training hides

model = dict(
    encoder='${encoder}',
    window=dict(size='${max_seq_len}', overlap=0.5),
    data_preprocessor=dict(
        pad_to='divisor', channel_dropout='${channel_dropout}'),
    head=dict(type='DyTridentHead', num_bins=16))
