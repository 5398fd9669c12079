# 14 epochs, the first 7 of them warm-up, as in the paper
_base_ = 'adamw_40e.py'

warmup_epochs = 7
max_epochs = 14

train_cfg = dict(max_epochs=max_epochs, val_begin=8, val_interval=1)

optim_wrapper = dict(
    optimizer=dict(lr=5e-4, weight_decay=0.025), clip_grad=dict(max_norm=0.5))

param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-8,
        begin=0,
        end=warmup_epochs,
        convert_to_iter_based=True),
    # The paper names a cosine; the published yamls let it end at the learning
    # rate itself, so that the rate is constant after the warm-up
    dict(
        type='CosineAnnealingLR',
        eta_min=5e-4,
        begin=warmup_epochs,
        end=max_epochs,
        convert_to_iter_based=True)
]

auto_scale_lr = dict(base_batch_size=8)
