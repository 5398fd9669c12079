# 1536 frames, and adapters behind the second half of the blocks
_base_ = 'actionformer_videomaev2-g_768x1-160px_1xb2-60e_thumos14.py'

frames_per_cell = 2
image_size = (224, 224)
train_scale = (-1, 256)
test_scale = (-1, 224)
adapter_index = list(range(20, 40))

train_cfg = dict(max_epochs=50, val_begin=37)
