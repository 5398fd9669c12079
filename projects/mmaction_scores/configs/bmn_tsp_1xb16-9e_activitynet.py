# BMN of MMAction2 on the data and with the measure of DyFADet. Its settings,
# those of the data set base included, can be given with --cfg-options.
_base_ = [
    '_base_/bmn.py', '../../../configs/_base_/datasets/activitynet_tsp.py',
    '_base_/adam_9e.py', '../../../configs/_base_/default_runtime.py'
]
custom_imports = dict(
    imports=['dyfadet_mm', 'projects.mmaction_scores.models'],
    allow_failed_imports=False)

max_seq_len = 100  # cells to which every video is resized
batch_size = 16

train_pipeline = [
    _base_.train_pipeline[0],
    dict(type='ResizeFeatures', length='${max_seq_len}'),
    dict(type='SecondsToGrid'),
    dict(type='PackTADInputs')
]
test_pipeline = train_pipeline

val_evaluator = dict(
    _delete_=True,
    type='TADProposalMetric',
    tiou_thresholds='${tiou_thresholds}')
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='tad/AUC'))
