"""The detector and its parts, each registered.

The argument ``init_cfg`` of many is that of MMEngine's ``BaseModule``: a dict,
or a list of them, how weights are drawn or loaded. None leaves it to the part.
"""
from . import (backbones, data_preprocessors, detectors, frame_encoders, heads,
               layers, losses, necks, postprocessors, task_modules)
from .backbones import *  # noqa: F401,F403
from .data_preprocessors import *  # noqa: F401,F403
from .detectors import *  # noqa: F401,F403
from .frame_encoders import *  # noqa: F401,F403
from .heads import *  # noqa: F401,F403
from .layers import *  # noqa: F401,F403
from .losses import *  # noqa: F401,F403
from .necks import *  # noqa: F401,F403
from .postprocessors import *  # noqa: F401,F403
from .task_modules import *  # noqa: F401,F403

__all__ = [
    *backbones.__all__, *data_preprocessors.__all__, *detectors.__all__,
    *frame_encoders.__all__, *heads.__all__, *layers.__all__, *losses.__all__,
    *necks.__all__, *postprocessors.__all__, *task_modules.__all__
]
