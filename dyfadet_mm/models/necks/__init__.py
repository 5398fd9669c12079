from .fpn1d import FPN1d
from .fpn_identity import IdentityFPN

__all__ = ['FPN1d', 'IdentityFPN']
