# I3D features of ActionFormer's authors, of RGB and of flow
_base_ = 'activitynet_tsp.py'

feature_dir = 'i3d_features/'

feat_dim = 2048
fps = 25  # at which the features were extracted

load_features = dict(type='LoadFeatures', feat_dim=feat_dim)
train_pipeline = [load_features, *_base_.train_pipeline[1:]]
test_pipeline = [load_features, *_base_.test_pipeline[1:]]

features = dict(data_prefix=dict(feats=feature_dir), fps=fps)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, **features))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, **features))
test_dataloader = val_dataloader
