# Omnivore has the grid of SlowFast
_base_ = 'ego4d-mq_slowfast.py'

feature_dir = 'omnivore_features/'
feat_dim = 1536
