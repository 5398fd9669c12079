# The grid of the VideoMAE V2 features of FineAction.
# Not the same: as in thumos14_videomaev2.py.
_base_ = 'thumos14_videomaev2.py'

feature_extractor = dict(grid=dict(stride=16))
