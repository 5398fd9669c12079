# 14 epochs, the first 7 of them warm-up, as in the paper
_base_ = 'adamw_40e.py'

warmup_epochs = 7
max_epochs = 14
lr = 5e-4
# The paper names a cosine; the published yamls let it end at the learning
# rate itself, so that the rate is constant after the warm-up
eta_min = '${lr}'

train_cfg = dict(val_begin=8, val_interval=1)
optim_wrapper = dict(clip_grad=dict(max_norm=0.5))
auto_scale_lr = dict(base_batch_size=8)
