from .fpn1d import FPN1d
from .fpn_identity import IdentityFPN
from .mmdet_neck import MMDetNeck

__all__ = ['FPN1d', 'IdentityFPN', 'MMDetNeck']
