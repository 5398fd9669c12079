# The same detector on features of the CNN as it was pretrained
_base_ = 'dyfadet-plus_resnet_1xb4-6e_digit-videos.py'

encoder = dict(train_mode='frozen')
