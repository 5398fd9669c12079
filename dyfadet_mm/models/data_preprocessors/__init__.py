from .swap_actions import SwapActions
from .tad_data_preprocessor import TADDataPreprocessor

__all__ = ['SwapActions', 'TADDataPreprocessor']
