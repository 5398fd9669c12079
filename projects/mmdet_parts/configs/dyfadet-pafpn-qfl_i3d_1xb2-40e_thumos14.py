# DyFADet with MMDetection's PAFPN and quality focal loss: the score of a class
# is trained to be the tIoU of the segment
_base_ = 'dyfadet-pafpn_i3d_1xb2-40e_thumos14.py'

model = dict(
    head=dict(
        type='QualityDyHead',
        loss_cls=dict(_delete_=True, type='mmdet.QualityFocalLoss', beta=2.0)))
