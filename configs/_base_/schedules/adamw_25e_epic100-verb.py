# 25 epochs, the first 10 of them warm-up, at a rate of 1e-4; the paper says
# 30, 15 and, as for nouns, 2e-4
_base_ = 'adamw_25e_epic100-noun.py'

warmup_epochs = 10
max_epochs = 25

optim_wrapper = dict(optimizer=dict(lr=1e-4))

param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-8,
        begin=0,
        end=warmup_epochs,
        convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        eta_min=5e-5,
        begin=warmup_epochs,
        end=max_epochs,
        convert_to_iter_based=True)
]
