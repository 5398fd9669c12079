"""What makes features of frames, to be trained with the detector."""
from .frame_encoder import FrameEncoder
from .memory import peak_memory

__all__ = ['FrameEncoder', 'peak_memory']
