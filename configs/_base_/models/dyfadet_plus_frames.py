_base_ = 'dyfadet_plus.py'

model = dict(
    encoder='${encoder}', window=dict(size='${max_seq_len}', overlap=0.5))
