"""Configurations and weights of the published code for this package."""
from .config import convert_config
from .state_dict import convert_key, convert_state_dict

__all__ = ['convert_config', 'convert_key', 'convert_state_dict']
