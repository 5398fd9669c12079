_base_ = 'ego4d-mq_slowfast.py'

feature_dir = 'egovlp_features/'
feat_dim = 256
feat_num_frames = 16
