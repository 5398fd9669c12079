"""What the runner needs besides data and model."""
from .hooks import NumClassesCheckHook, SetEpochHook, TADVisualizationHook
from .optimizers import TADOptimWrapperConstructor

__all__ = [
    'NumClassesCheckHook', 'SetEpochHook', 'TADOptimWrapperConstructor',
    'TADVisualizationHook'
]
