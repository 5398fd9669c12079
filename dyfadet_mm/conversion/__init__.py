"""Configurations and weights of the published code and of OpenTAD."""
from .config import convert_config, is_opentad
from .state_dict import convert_key, convert_state_dict

__all__ = ['convert_config', 'convert_key', 'convert_state_dict', 'is_opentad']
