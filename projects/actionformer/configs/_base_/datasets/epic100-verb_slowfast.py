_base_ = '../../../../../configs/_base_/datasets/epic100-verb_slowfast.py'

train_pipeline = [
    *_base_.train_pipeline[:-2],
    # a window shows half a feature window more on both sides
    dict(_base_.train_pipeline[-2], margin='half_window'),
    _base_.train_pipeline[-1]
]
