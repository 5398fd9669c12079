from .point_generator import PointGenerator, Points

__all__ = ['PointGenerator', 'Points']
