# The grid of the VideoMAE V2 features of THUMOS14, by the ViT-B of MMAction2.
# Not the same: those are of ViT-g, 1408 channels, whose weights MMAction2 does
# not have; this is its student of 768 channels.
_base_ = ('mmaction::recognition/videomaev2/'
          'vit-base-p16_videomaev2-vit-g-dist-k710-pre_16x4x1_kinetics-400.py')

feature_extractor = dict(
    grid=dict(stride=4, window=16),
    # as published: squashed, and in 0 to 1 without mean and std
    preprocessing=dict(size=224, mean=[0, 0, 0], std=[255, 255, 255]))
