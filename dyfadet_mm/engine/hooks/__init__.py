"""Hooks of the runner."""
from .empty_classes_hook import EmptyClassesHook
from .num_classes_check_hook import NumClassesCheckHook
from .score_fusion_hook import ScoreFusionHook
from .set_epoch_hook import SetEpochHook
from .visualization_hook import TADVisualizationHook
from .wrapped_datasets import unwrap_datasets

__all__ = [
    'EmptyClassesHook', 'NumClassesCheckHook', 'ScoreFusionHook',
    'SetEpochHook', 'TADVisualizationHook', 'unwrap_datasets'
]
