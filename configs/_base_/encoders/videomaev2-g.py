_base_ = 'videomae-s.py'

# made of the published file as configs/e2e/README.md says
pretrained = 'checkpoints/vit-giant-p14_videomaev2-hybrid-k710.pth'
feat_dim = 1408
depth = 40
num_heads = 16
mlp_ratio = 48 / 11
patch_size = 14
adapter_index = list(range(40))

# a fifth of the memory that checkpoints of all blocks at once take
encoder = dict(clips_at_once=1, checkpoint_blocks=False)
