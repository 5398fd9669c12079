"""Steps of a data pipeline, from a feature file to model inputs."""
from .formatting import PackTADInputs
from .geometry import RandomTruncate, SecondsToGrid
from .loading import LoadFeatures

__all__ = ['LoadFeatures', 'PackTADInputs', 'RandomTruncate', 'SecondsToGrid']
