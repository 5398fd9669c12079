_base_ = '../../../../../configs/_base_/datasets/epic100-verb_slowfast.py'

# a window shows half a feature window more on both sides
crop_margin = 'half_window'
