_base_ = 'thumos14_i3d.py'

feature_dir = 'videomaev2-g_features/'

feat_dim = 1408

# The published code centres a cell 8 frames after its first one (half of
# feat_num_frames), as fits windows that start at frame 0. For OpenTAD's
# extraction its author gives 2 frames, see the recipe dyfadet-opentad.
train_pipeline = [
    dict(type='LoadFeatures', feat_dim=feat_dim), *_base_.train_pipeline[1:]
]
test_pipeline = [
    dict(type='LoadFeatures', feat_dim=feat_dim), *_base_.test_pipeline[1:]
]

train_dataloader = dict(
    dataset=dict(data_prefix=dict(feats=feature_dir), pipeline=train_pipeline))
val_dataloader = dict(
    dataset=dict(data_prefix=dict(feats=feature_dir), pipeline=test_pipeline))
test_dataloader = val_dataloader
