# DyFADet as published for THUMOS14 with I3D features. '${name}' stands for the
# variable `name` of the config; channels and levels that a part leaves out are
# those of the part before it.
width = 512  # channels of encoder, neck and head

model = dict(
    type='SingleStageTAD',
    # counts the classes where num_classes is None
    train_dataset='${train_dataloader.dataset}',
    data_preprocessor=dict(
        type='TADDataPreprocessor',
        pad_to='max_seq_len',
        max_seq_len='${max_seq_len}',
        # stride of the coarsest level, times the kernel of the encoder
        size_divisor=32,
        input_noise=1e-5),
    backbone=dict(
        type='DynEBackbone',
        in_channels='${feat_dim}',
        embed_channels='${width}',
        arch=(2, 2, 5),
        kernel_size=1,
        factor=5,
        mlp_channels=768,
        drop_path_rate=0.1,
        # 0 as published: the depth-wise convolutions stay zero for ever
        init_std=0.),
    neck=dict(type='IdentityFPN'),
    head=dict(
        type='DyHead',
        num_classes='${num_classes}',
        num_layers=3,
        kernel_size=3,
        formation='c',
        tau=1.5,
        regression_ranges=[(0, 4), (4, 8), (8, 16), (16, 32), (32, 64),
                           (64, 10000)],
        assigner=dict(type='PointSegmentAssigner', center_radius=1.5),
        coder=dict(type='SegmentCoder'),
        loss_cls=dict(type='FocalLoss', alpha=0.25, gamma=2.0),
        loss_reg=dict(type='DIoULoss', loss_weight=1.0),
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
            max_num=2000,
            class_wise=True)))
