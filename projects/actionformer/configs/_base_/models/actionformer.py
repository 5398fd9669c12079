# ActionFormer as published for THUMOS14 with I3D features
width = 512  # channels of encoder, neck and head

model = dict(
    type='SingleStageTAD',
    train_dataset='${train_dataloader.dataset}',
    data_preprocessor=dict(
        type='TADDataPreprocessor',
        pad_to='max_seq_len',
        max_seq_len='${max_seq_len}',
        # stride of the coarsest level, times the window rounded down to even
        size_divisor=576,
        input_noise=0.),
    backbone=dict(
        type='LocalAttentionBackbone',
        in_channels='${feat_dim}',
        embed_channels='${width}',
        arch=(2, 2, 5),
        num_heads=4,
        window=19,
        drop_path_rate=0.1,
        dropout=0.),
    neck=dict(type='IdentityFPN'),
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
        prior_prob=0.01),
    postprocessor=dict(
        type='SegmentPostprocessor',
        score_thr=0.001,
        pre_nms_topk=2000,
        min_length=0.05,
        nms=dict(
            method='gaussian',
            sigma=0.5,
            min_score=0.001,
            max_num=200,
            class_wise=True),
        # of no effect after suppression by class
        voting_by_iou=True))
