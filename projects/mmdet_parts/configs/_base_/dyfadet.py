# What the recipes of this project share: DyFADet as published for THUMOS14
# with I3D features, with the focal loss of MMDetection. A recipe names the
# neck. Settings can be given as in configs/_base_/ablation.py.
_base_ = '../../../../configs/ablation/dyne_dyhead_i3d_1xb2-40e_thumos14.py'

custom_imports = dict(
    imports=['dyfadet_mm', 'projects.mmdet_parts.models'],
    allow_failed_imports=False)

model = dict(
    neck=dict(_delete_=True),
    head=dict(
        loss_cls=dict(
            _delete_=True, type='mmdet.FocalLoss', gamma=2.0, alpha=0.25)))
