from typing import Any, Optional

from dyfadet_mm.registry import DATASETS
from .base_tad_dataset import TADDataset


@DATASETS.register_module()
class FineActionDataset(TADDataset):
    """FineAction: 106 classes, subsets *training*, *validation*, *testing*.

    - Video ids start with ``v_`` already, and so do the feature files:
      ``file_prefix`` stays empty.
    - The official file has no ``label_id``, and the one of the published code
      is not public. Classes are sorted by name; external scores must be
      matched by name.
    - The detector is trained without classes, which external scores provide.
      Actions that the file lists twice are dropped.
    - In training and testing, :class:`SubsampleFeatures` with
      ``max_len=2304`` thins out long videos, as published; OpenTAD crops them
      in training and resizes them in testing. Actions beyond the end of the
      features stay.
    - Videos of less than 16 frames have no features: the published code stops
      there, so ``exclude`` them, or set ``filter_missing``.

    Args:
        fps (float, optional): Frames per second that the features were
            extracted at. Defaults to 30.
        remove_duplicates (bool): Defaults to True.
        class_agnostic (bool): Defaults to True.
        kwargs: Other arguments of :class:`TADDataset`.
    """

    def __init__(self,
                 *args: Any,
                 fps: Optional[float] = 30.,
                 remove_duplicates: bool = True,
                 class_agnostic: bool = True,
                 **kwargs: Any) -> None:
        super().__init__(
            *args,
            fps=fps,
            remove_duplicates=remove_duplicates,
            class_agnostic=class_agnostic,
            **kwargs)
