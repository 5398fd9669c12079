# DFA_Conv of formation C, our definition; static head
_base_ = '../_base_/ablation.py'

model = dict(
    backbone=dict(
        type='ConvBackbone', op=dict(type='DFAConv1d', formation='c')),
    head=dict(type='ConvHead'))
