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
train_pipeline = [
    dict(type='dyfadet_mm.LoadFeatures', feat_dim=_base_.feat_dim),
    dict(type='dyfadet_mm.SecondsToGrid'),
    dict(
        type='dyfadet_mm.RandomTruncate',
        max_seq_len=_base_.max_seq_len,
        trunc_thresh=0.5,
        crop_ratio=(0.9, 1.0)),
    dict(type='dyfadet_mm.PackTADInputs')
]
test_pipeline = [
    dict(type='dyfadet_mm.LoadFeatures', feat_dim=_base_.feat_dim),
    dict(type='dyfadet_mm.SecondsToGrid'),
    dict(type='dyfadet_mm.PackTADInputs')
]
train_dataloader = dict(
    dataset=dict(type=dataset_type, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(type=dataset_type, pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(type='dyfadet_mm.TADMapMetric')
test_evaluator = val_evaluator

optim_wrapper = dict(constructor='dyfadet_mm.TADOptimWrapperConstructor')
default_hooks = dict(
    set_epoch=dict(type='dyfadet_mm.SetEpochHook'),
    num_classes=dict(type='dyfadet_mm.NumClassesCheckHook'),
    score_fusion=dict(type='dyfadet_mm.ScoreFusionHook'),
    visualization=dict(type='dyfadet_mm.TADVisualizationHook'))
visualizer = dict(type='dyfadet_mm.TADVisualizer')
