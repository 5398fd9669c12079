_base_ = '../../../../../configs/_base_/datasets/ego4d-mq_egovlp-slowfast.py'

# a window shows half a feature window more on both sides
crop_margin = 'half_window'
