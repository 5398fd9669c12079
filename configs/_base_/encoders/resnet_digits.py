# A 2-D CNN of 20,000 weights for frames of 32 x 32 pixels: a ResNet3d whose
# kernels see one frame
pretrained = None  # of configs/features/resnet_digit-videos.py
feat_dim = 32
colours = dict(mean=[127.5] * 3, std=[64.] * 3)

encoder = dict(
    type='FrameEncoder',
    backbone=dict(
        type='mmaction.ResNet3d',
        depth=18,
        stage_blocks=(1, 1, 1),
        num_stages=3,
        out_indices=(2, ),
        spatial_strides=(1, 2, 2),
        temporal_strides=(1, 1, 1),
        dilations=(1, 1, 1),
        base_channels=8,
        conv1_kernel=(1, 5, 5),
        with_pool1=False,
        with_pool2=False,
        inflate=(0, 0, 0),
        zero_init_residual=False,
        pretrained2d=False),
    mode='snippet',
    clip_len=1,
    pretrained='${pretrained}',
    mean='${colours.mean}',
    std='${colours.std}')
