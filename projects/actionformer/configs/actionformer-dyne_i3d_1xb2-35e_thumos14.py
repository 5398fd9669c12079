# ActionFormer with the encoder of DyFADet, all else as published. The encoder
# is that for THUMOS14, except that its depth-wise convolutions do not start at
# zero, where they would stay
_base_ = 'actionformer_i3d_1xb2-35e_thumos14.py'

model = dict(
    data_preprocessor=dict(size_divisor=32),
    backbone=dict(
        _delete_=True,
        type='DynEBackbone',
        in_channels='${feat_dim}',
        embed_channels='${width}',
        arch=(2, 2, 5),
        kernel_size=1,
        factor=5,
        mlp_channels=768,
        drop_path_rate=0.1,
        init_std=0.1))
