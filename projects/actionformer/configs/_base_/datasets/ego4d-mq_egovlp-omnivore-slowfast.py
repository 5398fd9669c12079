# Channels of SlowFast, Omnivore, EgoVLP. The cells of a clip have to
# match one to one: nothing is resized
_base_ = 'ego4d-mq_slowfast.py'

feature_dirs = dict(
    slowfast='slowfast_features/',
    omnivore='omnivore_features/',
    egovlp='egovlp_features/')
feat_dim = 4096  # 2304 + 1536 + 256

load_features = dict(
    _delete_=True,
    type='ConcatFeatures',
    align=None,
    loaders=[
        dict(type='LoadFeatures', source='slowfast', feat_dim=2304),
        dict(type='LoadFeatures', source='omnivore', feat_dim=1536),
        dict(type='LoadFeatures', source='egovlp', feat_dim=256)
    ])

features = dict(
    data_prefix=dict(
        _delete_=True,
        slowfast='${feature_dirs.slowfast}',
        omnivore='${feature_dirs.omnivore}',
        egovlp='${feature_dirs.egovlp}'))
train_dataloader = dict(dataset=features)
val_dataloader = dict(dataset=features)
test_dataloader = val_dataloader
