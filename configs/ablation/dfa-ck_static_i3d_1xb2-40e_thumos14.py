# DFA_Conv of formation CK, our definition; static head
_base_ = '../_base_/ablation.py'

model = dict(
    backbone=dict(
        type='ConvBackbone', op=dict(type='DFAConv1d', formation='ck')),
    head=dict(type='ConvHead'))
