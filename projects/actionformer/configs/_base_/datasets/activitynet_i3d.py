# I3D features of ActionFormer's authors, of RGB and of flow
_base_ = 'activitynet_tsp.py'

feature_dir = 'i3d_features/'
feat_dim = 2048
fps = 25  # at which the features were extracted
