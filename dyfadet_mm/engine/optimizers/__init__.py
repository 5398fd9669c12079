"""Grouping of parameters for the optimizer, and its precision."""
from .bfloat16_optim_wrapper import Bfloat16OptimWrapper
from .tad_optim_wrapper_constructor import TADOptimWrapperConstructor

__all__ = ['Bfloat16OptimWrapper', 'TADOptimWrapperConstructor']
