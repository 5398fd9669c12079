from typing import Optional

import numpy as np

from dyfadet_mm.registry import TASK_UTILS
from .base import BaseFeatureReader
from .safe_loading import load_torch_file
from .selection import as_array, select_key


@TASK_UTILS.register_module()
class TorchReader(BaseFeatureReader):
    """Features stored with :func:`torch.save`, a tensor or a dict of them.

    Files that hold anything but tensors and plain containers are refused,
    because unpickling them would run whatever code they carry.

    Args:
        key (str, optional): Key of the tensor in a dict. Defaults to None,
            for files of one tensor.
        backend_args (dict, optional): MMEngine's file backend. Defaults to
            None, chosen by the prefix of the path.
    """

    def __init__(self,
                 key: Optional[str] = None,
                 backend_args: Optional[dict] = None) -> None:
        super().__init__(backend_args)
        self.key = key

    def decode(self, content: bytes) -> np.ndarray:
        """Turn the bytes of a pt file into an array.

        Args:
            content (bytes): The whole file.

        Returns:
            ndarray: The tensor that ``key`` names.

        Raises:
            ValueError: If it is no such file, damaged, has no such key or
                carries code.
        """
        feats = load_torch_file(content)
        if isinstance(feats, dict):
            feats = feats[select_key(feats, self.key)]
        return as_array(feats)
