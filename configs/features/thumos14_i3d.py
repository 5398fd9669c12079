# The grid of ActionFormer's I3D features of THUMOS14, by the I3D of MMAction2.
# Not the same: those are of the two-stream Inception I3D, RGB and flow, 1024
# channels each; MMAction2 has I3D on a ResNet-50, for RGB only, 2048 channels.
_base_ = ('mmaction::recognition/i3d/'
          'i3d_imagenet-pretrained-r50_8xb8-32x2x1-100e_kinetics400-rgb.py')

feature_extractor = dict(
    grid=dict(stride=4, window=16),
    preprocessing=dict(size=224, short_side=256))
