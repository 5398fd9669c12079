# DyFADet as published for THUMOS14 with I3D features, without the two parts
# that the ablations exchange: encoder and head hold what all of them share
_base_ = 'dyfadet.py'

model = dict(
    backbone=dict(
        _delete_=True,
        in_channels='${feat_dim}',
        embed_channels='${width}',
        arch=(2, 2, 5)),
    head=dict(
        _delete_=True,
        num_classes='${num_classes}',
        num_layers=3,
        kernel_size=3,
        regression_ranges=[(0, 4), (4, 8), (8, 16), (16, 32), (32, 64),
                           (64, 10000)],
        assigner=dict(type='PointSegmentAssigner', center_radius=1.5),
        coder=dict(type='SegmentCoder'),
        loss_cls=dict(type='FocalLoss', alpha=0.25, gamma=2.0),
        loss_reg=dict(type='DIoULoss', loss_weight=1.0),
        loss_normalizer=dict(type='LossNormalizer', init_value=100.),
        prior_prob=0.01))
