# The loaders of every data set. tad.py adds features, videos.py adds frames; a
# data set's file inherits from one of them, sets the variables and adds what
# is its own. '${name}' stands for the variable `name` of the whole config,
# wherever it is set last; a key that is set itself wins over the variable.
dataset_type = 'TADDataset'
data_root = 'data/custom/'
ann_file = 'annotations.json'
train_subset = 'training'
val_subset = 'validation'
classes = None  # names in label order; None reads them from ann_file
num_classes = None  # of the detector; None counts those of the training data
fps = None  # of all videos; None reads it from ann_file
filter_missing = False  # True skips videos without a file
batch_size = 2
num_workers = 4  # processes that load
tiou_thresholds = [0.3, 0.4, 0.5, 0.6, 0.7]

dataset = dict(
    type='${dataset_type}',
    data_root='${data_root}',
    ann_file='${ann_file}',
    metainfo=dict(classes='${classes}'),
    feat_stride='${feat_stride}',
    feat_num_frames='${feat_num_frames}',
    fps='${fps}',
    filter_missing='${filter_missing}')
train_dataloader = dict(
    batch_size='${batch_size}',
    num_workers='${num_workers}',
    persistent_workers='${num_workers}',  # where there are any: 0 is False
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        dataset, subset='${train_subset}', pipeline='${train_pipeline}'))
val_dataloader = dict(
    batch_size=1,
    num_workers='${num_workers}',
    persistent_workers='${num_workers}',
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        dataset,
        subset='${val_subset}',
        test_mode=True,
        pipeline='${test_pipeline}'))
test_dataloader = val_dataloader

val_evaluator = dict(type='TADMapMetric', tiou_thresholds='${tiou_thresholds}')
test_evaluator = val_evaluator

del dataset  # a help of this file, and no setting
