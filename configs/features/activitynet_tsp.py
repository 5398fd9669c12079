# The grid of the TSP features of ActivityNet, by the R(2+1)D-34 of MMAction2.
# Not the same: TSP trains this network on ActivityNet at 112 x 112 pixels, and
# MMAction2 does not have those weights; these are of Kinetics-400.
_base_ = ('mmaction::recognition/r2plus1d/'
          'r2plus1d_r34_8xb8-8x8x1-180e_kinetics400-rgb.py')

feature_extractor = dict(
    grid=dict(fps=15, stride=16, window=16),
    preprocessing=dict(size=224, short_side=256))
