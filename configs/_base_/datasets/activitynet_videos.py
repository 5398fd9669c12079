# Every video becomes 192 cells of four frames
_base_ = 'videos.py'

data_root = 'data/activitynet/'
ann_file = 'annotations/anet1.3_tsp_filtered.json'
# of CUHK, as published for adapters; the recipes on features have others
score_file = '${data_root}annotations/cuhk_val_simp_share.json'
num_classes = 1  # class-agnostic: score_file gives the classes
feat_stride = None  # what a 192nd of the video is
frames_per_cell = 4
max_seq_len = 192
batch_size = 4  # of each of four GPUs
tiou_thresholds = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]

sample = dict(num_cells='${max_seq_len}')
train_pipeline = [*_base_.train_pipeline[:3], *_base_.train_pipeline[4:]]

train_dataloader = dict(
    dataset=dict(
        file_prefix='v_', remove_duplicates=True, class_agnostic=True))
val_dataloader = train_dataloader
test_dataloader = train_dataloader
train_dataloader = dict(
    dataset=dict(
        train_dataloader['dataset'], filter_cfg=dict(filter_empty_gt=True)))
