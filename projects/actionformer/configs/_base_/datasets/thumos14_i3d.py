_base_ = '../../../../../configs/_base_/datasets/thumos14_i3d.py'

# a window shows half a feature window more on both sides
crop_margin = 'half_window'
