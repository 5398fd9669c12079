"""What makes features of frames, to be trained with the detector."""
from .frame_encoder import FrameEncoder
from .memory import peak_memory
from .pixel_blocks import PixelBlocks
from .temporal_adapter import TemporalAdapter

__all__ = ['FrameEncoder', 'PixelBlocks', 'TemporalAdapter', 'peak_memory']
