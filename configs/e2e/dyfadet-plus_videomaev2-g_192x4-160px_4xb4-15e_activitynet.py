_base_ = [
    '../_base_/models/dyfadet_plus_activitynet_frames.py',
    '../_base_/encoders/videomaev2-g.py',
    '../_base_/datasets/activitynet_videos.py',
    '../_base_/schedules/adamw_15e_adapters.py', '../_base_/default_runtime.py'
]
