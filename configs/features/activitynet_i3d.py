# The grid of the I3D features of ActivityNet: 25 frames per second.
# Not the same: as in thumos14_i3d.py.
_base_ = 'thumos14_i3d.py'

feature_extractor = dict(grid=dict(fps=25, stride=16))
