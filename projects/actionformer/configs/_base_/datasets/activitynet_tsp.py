# Every video becomes 192 cells; the scores are CUHK's, with which ActionFormer
# and TriDet report
_base_ = '../../../../../configs/_base_/datasets/activitynet_tsp.py'

score_file = '${data_root}annotations/cuhk_val_simp_share.json'
max_seq_len = 192
# a window shows half a feature window more on both sides
crop_margin = 'half_window'
batch_size = 16

resize = dict(type='ResizeFeatures', length='${max_seq_len}')
train_pipeline = [_base_.train_pipeline[0], resize, *_base_.train_pipeline[1:]]
test_pipeline = [_base_.test_pipeline[0], resize, *_base_.test_pipeline[1:]]
