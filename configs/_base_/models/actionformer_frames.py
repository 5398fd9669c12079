# ActionFormer behind an encoder of frames as AdaTAD has it in OpenTAD, whose
# small print is that of configs/_base_/models/opentad.py; every cell attends
# to all of a window
width = 512  # channels of encoder, neck and head

model = dict(
    type='SingleStageTAD',
    train_dataset='${train_dataloader.dataset}',
    data_preprocessor=dict(
        type='TADDataPreprocessor',
        max_seq_len='${max_seq_len}',
        size_divisor=32,
        padding='masked'),
    encoder='${encoder}',
    backbone=dict(
        type='LocalAttentionBackbone',
        in_channels='${feat_dim}',
        embed_channels='${width}',
        arch=(2, 2, 5),
        num_heads=4,
        window=-1,
        drop_path_rate=0.1,
        embed_norm_cfg=dict(eps=1e-6)),
    neck=dict(type='IdentityFPN', norm_cfg=dict(eps=1e-6)),
    head=dict(
        type='ConvHead',
        num_classes='${num_classes}',
        num_layers=3,
        kernel_size=3,
        regression_ranges=[(0, 4), (4, 8), (8, 16), (16, 32), (32, 64),
                           (64, 10000)],
        assigner=dict(type='PointSegmentAssigner', center_radius=1.5),
        coder=dict(type='SegmentCoder'),
        loss_cls=dict(type='FocalLoss', alpha=0.25, gamma=2.0),
        loss_reg=dict(type='DIoULoss', loss_weight=1.0),
        # a point counts once, however many classes it has
        reg_weight='points',
        loss_normalizer=dict(type='LossNormalizer', init_value=100.),
        prior_prob=0.01,
        norm_cfg=dict(eps=1e-6)),
    postprocessor=dict(
        type='SegmentPostprocessor',
        score_thr=0.001,
        pre_nms_topk=2000,
        topk_per_level=False,
        min_length=-1.,
        nms=dict(
            method='gaussian',
            sigma=0.7,
            min_score=0.001,
            max_num=2000,
            class_wise=True)),
    window=dict(size='${max_seq_len}', overlap=0.5))
