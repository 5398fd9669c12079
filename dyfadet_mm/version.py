"""The number of this release, written once."""

__version__ = '0.1.0'
