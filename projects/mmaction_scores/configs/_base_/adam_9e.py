# 9 epochs, as MMAction2 trains BMN
max_epochs = 9
lr = 1e-3

train_cfg = dict(
    type='TADTrainLoop',
    max_epochs='${max_epochs}',
    val_begin=1,
    val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr='${lr}', weight_decay=1e-4),
    clip_grad=dict(max_norm=40, norm_type=2))

param_scheduler = [
    dict(
        type='MultiStepLR',
        begin=0,
        end='${max_epochs}',
        milestones=[7],
        gamma=0.1,
        convert_to_iter_based=True)
]

custom_hooks = []

# batch size that the learning rate is meant for
auto_scale_lr = dict(enable=False, base_batch_size=16)
