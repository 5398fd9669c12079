# ActionFormer with the head of DyFADet, all else as published
_base_ = 'actionformer_i3d_1xb2-35e_thumos14.py'

model = dict(head=dict(type='DyHead', formation='c', tau=1.5))
