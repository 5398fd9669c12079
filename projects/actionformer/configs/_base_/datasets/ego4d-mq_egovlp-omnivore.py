# Channels of Omnivore, then of EgoVLP. The cells of a clip have to
# match one to one: nothing is resized
_base_ = 'ego4d-mq_slowfast.py'

feature_dirs = dict(omnivore='omnivore_features/', egovlp='egovlp_features/')

feat_dim = 1792  # 1536 + 256

load_features = dict(
    type='ConcatFeatures',
    align=None,
    loaders=[
        dict(type='LoadFeatures', source='omnivore', feat_dim=1536),
        dict(type='LoadFeatures', source='egovlp', feat_dim=256)
    ])
train_pipeline = [load_features, *_base_.train_pipeline[1:]]
test_pipeline = [load_features, *_base_.test_pipeline[1:]]

features = dict(data_prefix=dict(_delete_=True, **feature_dirs))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, **features))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, **features))
test_dataloader = val_dataloader
