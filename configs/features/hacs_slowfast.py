# The grid of the SlowFast features of HACS: 15 frames per second.
# Not the same: those weights were trained on HACS, these on Kinetics-400.
_base_ = 'epic100_slowfast.py'

feature_extractor = dict(grid=dict(fps=15, stride=8))
