from .deform_conv import DeformConv1d
from .dynamic_conv import DynamicConv1d
from .plain_conv import PlainConv1d
from .td3d_conv import TD3dConv1d

__all__ = ['DeformConv1d', 'DynamicConv1d', 'PlainConv1d', 'TD3dConv1d']
