"""Grouping of parameters for the optimizer."""
from .tad_optim_wrapper_constructor import TADOptimWrapperConstructor

__all__ = ['TADOptimWrapperConstructor']
