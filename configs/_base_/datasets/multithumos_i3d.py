# The videos and features of THUMOS14 with denser annotations
_base_ = 'thumos14_i3d.py'

data_root = 'data/multithumos/'
ann_file = 'annotations/multithumos.json'

num_classes = 65
tiou_thresholds = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]

annotations = dict(
    type='MultiTHUMOSDataset', data_root=data_root, ann_file=ann_file)
train_dataloader = dict(dataset=annotations)
val_dataloader = dict(dataset=annotations)
test_dataloader = val_dataloader

val_evaluator = dict(tiou_thresholds=tiou_thresholds)
test_evaluator = val_evaluator
