# The published code centres a cell 8 frames after its first one (half of
# feat_num_frames), as fits windows that start at frame 0. For OpenTAD's
# extraction its author gives 2 frames, see the recipe dyfadet-opentad.
_base_ = 'thumos14_i3d.py'

feature_dir = 'videomaev2-g_features/'
feat_dim = 1408
