# What weights trained with OpenTAD expect of the parts of DyFADet, and how
# OpenTAD chooses candidates; a recipe adds it to its model
opentad = dict(
    data_preprocessor=dict(padding='opentad'),
    backbone=dict(norm_cfg=dict(eps=1e-6)),
    neck=dict(norm_cfg=dict(eps=1e-6)),
    head=dict(norm_cfg=dict(eps=1e-6)),
    # a negative length keeps candidates of any length
    postprocessor=dict(topk_per_level=False, min_length=-1.))
