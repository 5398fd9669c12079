"""Configurations and weights of the published codes and of OpenTAD."""
from .adapter import convert_adapter
from .choices import read
from .config import convert_config, detector_name, is_opentad
from .errors import ConversionError, show
from .state_dict import convert_key, convert_state_dict
from .videomae import convert_videomae

__all__ = [
    'ConversionError', 'convert_adapter', 'convert_config', 'convert_key',
    'convert_state_dict', 'convert_videomae', 'detector_name', 'is_opentad',
    'read', 'show'
]
