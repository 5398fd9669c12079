_base_ = 'ego4d-mq_slowfast.py'

feature_dir = 'egovlp_features/'

feat_dim = 256
feat_num_frames = 16

load_features = dict(type='LoadFeatures', feat_dim=feat_dim)
train_pipeline = [load_features, *_base_.train_pipeline[1:]]
test_pipeline = [load_features, *_base_.test_pipeline[1:]]

features = dict(
    data_prefix=dict(feats=feature_dir), feat_num_frames=feat_num_frames)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, **features))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, **features))
test_dataloader = val_dataloader
