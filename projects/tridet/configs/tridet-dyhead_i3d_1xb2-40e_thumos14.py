# TriDet's encoder and input noise with the DyHead; all else is alike in both
_base_ = '../../../configs/dyfadet/dyfadet_i3d_1xb2-40e_thumos14.py'

model = dict(
    data_preprocessor=dict(input_noise=5e-4),
    # with the published 0 the SGP layer computes what the DynE layer does, and
    # this would be DyFADet
    backbone=dict(type='SGPBackbone', init_std=0.1))
