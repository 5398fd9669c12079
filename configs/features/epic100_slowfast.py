# The grid of the SlowFast 8x8 R101 features of EPIC-Kitchens-100: 2048 slow
# and 256 fast channels.
# Not the same: those weights were trained on EPIC-Kitchens, these on
# Kinetics-400, on every second of 64 frames.
_base_ = ('mmaction::recognition/slowfast/'
          'slowfast_r101_8xb8-8x8x1-256e_kinetics400-rgb.py')

feature_extractor = dict(
    grid=dict(fps=30, stride=16, window=32),
    preprocessing=dict(size=224, short_side=256))
