# The small VideoMAE transformer with a temporal adapter behind every block.
# MMAction2 has no weights of VideoMAE-S: these are of the student of VideoMAE
# V2-g of the same size. See configs/e2e/README.md for those of the paper.
pretrained = (
    'https://download.openmmlab.com/mmaction/v1.0/recognition/videomaev2/'
    'vit-small-p16_videomaev2-vit-g-dist-k710-pre_16x4x1_kinetics-400/'
    'vit-small-p16_videomaev2-vit-g-dist-k710-pre_16x4x1_kinetics-400_'
    '20230510-25c748fd.pth')
feat_dim = 384
depth = 12
num_heads = 6
mlp_ratio = 4
patch_size = 16
adapter_index = list(range(12))  # blocks

encoder = dict(
    type='FrameEncoder',
    backbone=dict(
        type='mmaction.VisionTransformer',
        img_size=224,  # of the pretraining
        patch_size='${patch_size}',
        embed_dims='${feat_dim}',
        depth='${depth}',
        num_heads='${num_heads}',
        mlp_ratio='${mlp_ratio}',
        drop_path_rate=0.1,
        norm_cfg=dict(type='LN', eps=1e-6),
        num_frames=16,
        return_feat_map=True),
    clip_len=16,
    adapters=dict(index='${adapter_index}', ratio=0.25),
    train_mode='adapters',
    checkpoint_blocks=True,
    pretrained='${pretrained}')
# the last norm of the transformer is trained by name, and not used
find_unused_parameters = True
