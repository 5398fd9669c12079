# The flow half of I3D, then VideoMAE V2 resized to the length of I3D
_base_ = 'thumos14_i3d.py'

feature_dirs = dict(i3d='i3d_features/', videomae='videomaev2-g_features/')
feat_dim = 2432  # 1024 + 1408

load_features = dict(
    _delete_=True,
    type='ConcatFeatures',
    align='first',
    loaders=[
        dict(
            type='LoadFeatures',
            source='i3d',
            feat_dim=2048,
            channels=(1024, 2048)),
        dict(type='LoadFeatures', source='videomae', feat_dim=1408)
    ])

features = dict(
    data_prefix=dict(
        _delete_=True,
        i3d='${feature_dirs.i3d}',
        videomae='${feature_dirs.videomae}'))
train_dataloader = dict(dataset=features)
val_dataloader = dict(dataset=features)
test_dataloader = val_dataloader
