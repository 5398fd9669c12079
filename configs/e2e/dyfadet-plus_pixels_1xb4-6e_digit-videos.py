# The same detector on the brightness of pixels
_base_ = 'dyfadet-plus_resnet_1xb4-6e_digit-videos.py'

feat_dim = 256
encoder = dict(
    _delete_=True,
    type='FrameEncoder',
    backbone=dict(type='PixelBlocks', size=16),
    mode='snippet',
    clip_len=1,
    train_mode='frozen',
    mean=[0.] * 3,
    std=[255.] * 3)
