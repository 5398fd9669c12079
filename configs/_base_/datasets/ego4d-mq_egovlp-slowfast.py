# Channels of SlowFast, then of EgoVLP, on the grid of SlowFast. The cells of
# a clip have to match one to one: nothing is resized.
_base_ = 'ego4d-mq_slowfast.py'

feature_dirs = dict(slowfast='slowfast_features/', egovlp='egovlp_features/')
feat_dim = 2560  # 2304 + 256

load_features = dict(
    _delete_=True,
    type='ConcatFeatures',
    align=None,
    loaders=[
        dict(type='LoadFeatures', source='slowfast', feat_dim=2304),
        dict(type='LoadFeatures', source='egovlp', feat_dim=256)
    ])

features = dict(
    data_prefix=dict(
        _delete_=True,
        slowfast='${feature_dirs.slowfast}',
        egovlp='${feature_dirs.egovlp}'))
train_dataloader = dict(dataset=features)
val_dataloader = dict(dataset=features)
test_dataloader = val_dataloader
