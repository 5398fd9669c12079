_base_ = 'videomae-s.py'

pretrained = (
    'https://download.openmmlab.com/mmaction/v1.0/recognition/videomae/vit-'
    'large-p16_videomae-k400-pre_16x4x1_kinetics-400_20221013-229dbb03.pth')
feat_dim = 1024
depth = 24
num_heads = 16
adapter_index = list(range(24))
