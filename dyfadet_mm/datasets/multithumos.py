from typing import Any

from dyfadet_mm.registry import DATASETS
from .base_tad_dataset import TADDataset


@DATASETS.register_module()
class MultiTHUMOSDataset(TADDataset):
    """MultiTHUMOS: THUMOS14's videos with 65 classes, several at once.

    - Features are THUMOS14's. Subsets are *Validation* and *Test* in the
      ``multithumos.json`` of TriDet's follow-up, *training* and *validation*
      in OpenTAD's file, which leaves out annotations that are wrong or too
      long.
    - Classes are read from the file: by ``label_id`` in the former, 0-19
      being THUMOS14's classes and 20-64 the new ones; sorted by name in
      OpenTAD's. Weights trained with one order cannot be tested with the
      other, unless ``metainfo=dict(classes=...)`` gives it.
    - Of the 38,668 actions of the former, 30 end before they start.

    Args:
        filter_missing (bool): Skip videos without features, as for THUMOS14.
            Defaults to True.
        kwargs: Other arguments of :class:`TADDataset`.
    """

    def __init__(self,
                 *args: Any,
                 filter_missing: bool = True,
                 **kwargs: Any) -> None:
        super().__init__(*args, filter_missing=filter_missing, **kwargs)
