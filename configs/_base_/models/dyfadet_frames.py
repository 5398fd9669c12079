# DyFADet behind an encoder of frames, as published on features
_base_ = 'dyfadet.py'

model = dict(
    encoder='${encoder}', window=dict(size='${max_seq_len}', overlap=0.5))
