"""Steps of a data pipeline, from a feature or video file to model inputs."""
from .clip import ClipActions
from .concat import ConcatFeatures
from .formatting import PackTADInputs
from .frames import DecodeInPieces, SampleCellFrames, SelectFrames
from .geometry import RandomTruncate, SecondsToGrid
from .loading import LoadFeatures
from .resample import ResizeFeatures, SpreadFeatures, SubsampleFeatures

__all__ = [
    'ClipActions', 'ConcatFeatures', 'DecodeInPieces', 'LoadFeatures',
    'PackTADInputs', 'RandomTruncate', 'ResizeFeatures', 'SampleCellFrames',
    'SecondsToGrid', 'SelectFrames', 'SpreadFeatures', 'SubsampleFeatures'
]
