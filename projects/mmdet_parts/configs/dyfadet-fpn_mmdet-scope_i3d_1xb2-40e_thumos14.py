# The detector of dyfadet-fpn_i3d_1xb2-40e_thumos14.py, written for the scope
# of MMDetection: its parts need no prefix, those of dyfadet_mm have theirs.
_base_ = 'dyfadet-fpn_i3d_1xb2-40e_thumos14.py'

default_scope = 'mmdet'

model = dict(
    type='dyfadet_mm.SingleStageTAD',
    data_preprocessor=dict(type='dyfadet_mm.TADDataPreprocessor'),
    backbone=dict(type='dyfadet_mm.DynEBackbone'),
    neck=dict(type='dyfadet_mm.MMDetNeck', neck=dict(type='FPN')),
    head=dict(
        # without its prefix, DyHead is the neck of this name in MMDetection
        type='dyfadet_mm.DyHead',
        assigner=dict(type='dyfadet_mm.PointSegmentAssigner'),
        coder=dict(type='dyfadet_mm.SegmentCoder'),
        loss_cls=dict(type='FocalLoss'),
        loss_reg=dict(type='dyfadet_mm.DIoULoss'),
        loss_normalizer=dict(type='dyfadet_mm.LossNormalizer')),
    postprocessor=dict(type='dyfadet_mm.SegmentPostprocessor'))

dataset_type = 'dyfadet_mm.TADDataset'
load_features = dict(type='dyfadet_mm.LoadFeatures')
train_pipeline = [
    '${load_features}',
    dict(type='dyfadet_mm.SecondsToGrid'),
    dict(_base_.train_pipeline[2], type='dyfadet_mm.RandomTruncate'),
    dict(type='dyfadet_mm.PackTADInputs')
]
test_pipeline = [
    '${load_features}',
    dict(type='dyfadet_mm.SecondsToGrid'),
    dict(type='dyfadet_mm.PackTADInputs')
]

val_evaluator = dict(type='dyfadet_mm.TADMapMetric')
test_evaluator = val_evaluator

optim_wrapper = dict(constructor='dyfadet_mm.TADOptimWrapperConstructor')
train_cfg = dict(type='dyfadet_mm.TADTrainLoop')
default_hooks = dict(
    checkpoint=dict(type='dyfadet_mm.TADCheckpointHook'),
    plain_checkpoint=dict(type='dyfadet_mm.PlainCheckpointHook'),
    set_epoch=dict(type='dyfadet_mm.SetEpochHook'),
    settings_check=dict(type='dyfadet_mm.SettingsCheckHook'),
    training_check=dict(type='dyfadet_mm.TrainingCheckHook'),
    finite_check=dict(type='dyfadet_mm.FiniteCheckHook'),
    positives_check=dict(type='dyfadet_mm.PositivesCheckHook'),
    gate_watch=dict(type='dyfadet_mm.GateWatchHook'),
    class_names=dict(type='dyfadet_mm.ClassNamesHook'),
    score_fusion=dict(type='dyfadet_mm.ScoreFusionHook'),
    visualization=dict(type='dyfadet_mm.TADVisualizationHook'))
visualizer = dict(type='dyfadet_mm.TADVisualizer')
