# 25 epochs, the first 10 of them warm-up, at a rate of 1e-4; the paper says
# 30, 15 and, as for nouns, 2e-4
_base_ = 'adamw_25e_epic100-noun.py'

warmup_epochs = 10
lr = 1e-4
