"""Hooks of the runner."""
from .num_classes_check_hook import NumClassesCheckHook
from .set_epoch_hook import SetEpochHook
from .visualization_hook import TADVisualizationHook
from .wrapped_datasets import unwrap_datasets

__all__ = [
    'NumClassesCheckHook', 'SetEpochHook', 'TADVisualizationHook',
    'unwrap_datasets'
]
