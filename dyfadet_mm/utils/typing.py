"""Recurring types."""
from typing import Dict, List, Optional, Sequence, Tuple, Union

from mmengine.config import ConfigDict
from mmengine.structures import BaseDataElement, InstanceData
from torch import Tensor

ConfigType = Union[ConfigDict, dict]
OptConfigType = Optional[ConfigType]
MultiConfig = Union[ConfigType, List[ConfigType]]
OptMultiConfig = Optional[MultiConfig]

#: One tensor per level.
TensorTuple = Tuple[Tensor, ...]
#: Of every level of a video: segments on the feature grid, (T_l, 2), or
#: (T_l, A, 2) where every class has its own, and scores (T_l, A).
Levels = Sequence[Tuple[Tensor, Tensor]]
InstanceList = List[InstanceData]
SampleList = Sequence[BaseDataElement]
OptSampleList = Optional[SampleList]
LossDict = Dict[str, Tensor]
