# The ablations whose encoder is DynE or SGP, in the sizes of both
# publications. A recipe adds init_std: 0 as published, where the depth-wise
# convolutions stay zero for ever, or 0.1, where they are live: see
# docs/ablation.md.
_base_ = 'ablation.py'

model = dict(
    backbone=dict(
        kernel_size=1,
        factor=5,
        mlp_channels='${mlp_channels}',
        drop_path_rate=0.1))
