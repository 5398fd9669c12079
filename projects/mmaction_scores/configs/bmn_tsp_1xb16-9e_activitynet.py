# BMN of MMAction2 on the data and with the measure of DyFADet. Its settings,
# those of the data set base included, can be given with --cfg-options.
_base_ = [
    '_base_/bmn.py', '../../../configs/_base_/datasets/activitynet_tsp.py',
    '_base_/adam_9e.py', '../../../configs/_base_/default_runtime.py',
    '../../../configs/_base_/bindings.py'
]
custom_imports = dict(
    imports=['dyfadet_mm', 'projects.mmaction_scores.models'],
    allow_failed_imports=False)

dataset_type = 'ActivityNetDataset'
train_subset = 'training'
val_subset = 'validation'
classes = None  # names in label order; None reads them from ann_file
filter_missing = False  # True skips videos without features
max_seq_len = 100  # cells to which every video is resized
batch_size = 16
lr = 1e-3

train_pipeline = [
    dict(type='LoadFeatures', feat_dim=_base_.feat_dim),
    dict(type='ResizeFeatures', length=max_seq_len),
    dict(type='SecondsToGrid'),
    dict(type='PackTADInputs')
]
any_dataset = dict(
    pipeline=train_pipeline,
    metainfo=dict(classes=classes),
    filter_missing=filter_missing)
train_dataloader = dict(batch_size=batch_size, dataset=any_dataset)
val_dataloader = dict(dataset=any_dataset)
test_dataloader = val_dataloader

val_evaluator = dict(
    _delete_=True,
    type='TADProposalMetric',
    tiou_thresholds=_base_.tiou_thresholds)
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='tad/AUC'))

bindings = dict(
    num_classes=[],
    feat_dim=[
        'model.bmn.feat_dim', '*_dataloader.dataset.pipeline.0.feat_dim'
    ],
    max_seq_len=[
        'model.bmn.temporal_dim', 'model.data_preprocessor.max_seq_len',
        '*_dataloader.dataset.pipeline.1.length'
    ],
    max_epochs=['train_cfg.max_epochs', 'param_scheduler.0.end'])
