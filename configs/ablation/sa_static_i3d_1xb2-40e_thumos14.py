# Local self-attention, static head, in the recipe of the other ablations. The
# paper's row is ActionFormer with its own recipe: see projects/actionformer.
_base_ = '../_base_/ablation.py'

model = dict(
    backbone=dict(
        type='LocalAttentionBackbone',
        num_heads=4,
        window=19,
        drop_path_rate=0.1),
    head=dict(type='ConvHead'))
