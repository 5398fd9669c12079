# BMN in the sizes of MMAction2's configs/_base_/models/bmn_400x100.py
model = dict(
    type='BMNProposals',
    data_preprocessor=dict(
        type='TADDataPreprocessor',
        max_seq_len='${max_seq_len}',
        size_divisor=1),
    bmn=dict(
        type='mmaction.BMN',
        temporal_dim='${max_seq_len}',
        boundary_ratio=0.5,
        num_samples=32,
        num_samples_per_bin=3,
        feat_dim='${feat_dim}',
        soft_nms_alpha=0.4,
        soft_nms_low_threshold=0.5,
        soft_nms_high_threshold=0.9,
        post_process_top_k=100,
        loss_cls=dict(type='dyfadet_mm.StableBMNLoss'),
        hidden_dim_1d=256,
        hidden_dim_2d=128,
        hidden_dim_3d=512))
