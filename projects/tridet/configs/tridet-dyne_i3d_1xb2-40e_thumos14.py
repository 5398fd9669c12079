# TriDet with DyFADet's encoder
_base_ = 'tridet_i3d_1xb2-40e_thumos14.py'

# with the published 0 the DynE layer computes what the SGP layer does, and
# this would be TriDet
model = dict(backbone=dict(type='DynEBackbone', init_std=0.1))
