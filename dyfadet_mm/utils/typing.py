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
InstanceList = List[InstanceData]
SampleList = Sequence[BaseDataElement]
OptSampleList = Optional[SampleList]
LossDict = Dict[str, Tensor]
