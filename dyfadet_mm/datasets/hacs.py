from typing import Any

from dyfadet_mm.registry import DATASETS
from .base_tad_dataset import TADDataset


@DATASETS.register_module()
class HACSDataset(TADDataset):
    """HACS Segments 1.1.1: ActivityNet's 200 classes, 37613 + 5981 videos.

    - Subsets are *training*, *validation* and *testing*. The durations of the
      official file are strings, and it has neither ``label_id`` nor ``fps``.
    - Classes are read from the file: by ``label_id`` where it has them, as
      the published code's files, otherwise sorted by name. External scores
      must be matched by name.
    - Names of feature files differ: the SlowFast pickles lie in a folder per
      subset, ``data_prefix=dict(feats='slowfast_features/{subset}/')``, and
      have no prefix; VideoMAE V2 has ``file_prefix='v_'`` in one folder.
    - ``fps`` depends on the features: 15 for SlowFast, 2 for the official
      I3D; for VideoMAE V2 it is that of each video, in the file.
    - Actions that the file lists twice are dropped; some have length zero.
      :class:`ClipActions` without arguments does in training what the
      published code does.
    - The published detector has 200 classes with both features, although
      external scores replace them with SlowFast.

    Args:
        remove_duplicates (bool): Defaults to True.
        kwargs: Other arguments of :class:`TADDataset`.
    """

    def __init__(self,
                 *args: Any,
                 remove_duplicates: bool = True,
                 **kwargs: Any) -> None:
        super().__init__(*args, remove_duplicates=remove_duplicates, **kwargs)
