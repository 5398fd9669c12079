# Places of the settings that the recipes for own data state once. A child
# config or --cfg-options changes the variable, and
# dyfadet_mm.engine.settings.bind_settings writes it to its places. A variable
# that a recipe lacks, or that is None, leaves them as they are.
bindings = dict(
    # data
    dataset_type=['*_dataloader.dataset.type'],
    data_root=['*_dataloader.dataset.data_root'],
    ann_file=['*_dataloader.dataset.ann_file'],
    feature_dir=['*_dataloader.dataset.data_prefix.feats'],
    train_subset=['train_dataloader.dataset.subset'],
    val_subset=[
        'val_dataloader.dataset.subset', 'test_dataloader.dataset.subset'
    ],
    classes=['*_dataloader.dataset.metainfo.classes'],
    num_classes=['model.head.num_classes'],
    feat_dim=[
        'model.backbone.in_channels',
        '*_dataloader.dataset.pipeline.0.feat_dim'
    ],
    feat_stride=['*_dataloader.dataset.feat_stride'],
    feat_num_frames=['*_dataloader.dataset.feat_num_frames'],
    fps=['*_dataloader.dataset.fps'],
    filter_missing=['*_dataloader.dataset.filter_missing'],
    tiou_thresholds=['*_evaluator.tiou_thresholds'],
    # workers stay between epochs where there are any: 0 is False
    num_workers=[
        '*_dataloader.num_workers', '*_dataloader.persistent_workers'
    ],
    # model and training
    width=[
        'model.backbone.embed_channels', 'model.neck.channels',
        'model.head.in_channels', 'model.head.feat_channels'
    ],
    max_seq_len=[
        'model.data_preprocessor.max_seq_len',
        'train_dataloader.dataset.pipeline.2.max_seq_len'
    ],
    pad_to=['model.data_preprocessor.pad_to'],
    batch_size=[
        'train_dataloader.batch_size', 'auto_scale_lr.base_batch_size'
    ],
    lr=['optim_wrapper.optimizer.lr'],
    warmup_epochs=['param_scheduler.0.end', 'param_scheduler.1.begin'],
    max_epochs=['train_cfg.max_epochs', 'param_scheduler.1.end'])
