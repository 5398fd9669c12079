# 768 cells, each one frame of four
_base_ = 'videos.py'

data_root = 'data/thumos14/'
ann_file = 'annotations/thumos14.json'
train_subset = 'validation'
val_subset = 'test'
num_classes = 20
feat_stride = 4
max_seq_len = 768

train_dataloader = dict(dataset=dict(ignore_labels=('Ambiguous', )))
val_dataloader = train_dataloader
test_dataloader = train_dataloader
