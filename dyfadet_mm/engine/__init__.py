"""What the runner needs besides data and model."""
from .hooks import NumClassesCheckHook, SetEpochHook, TADVisualizationHook
from .optimizers import Bfloat16OptimWrapper, TADOptimWrapperConstructor

__all__ = [
    'Bfloat16OptimWrapper', 'NumClassesCheckHook', 'SetEpochHook',
    'TADOptimWrapperConstructor', 'TADVisualizationHook'
]
