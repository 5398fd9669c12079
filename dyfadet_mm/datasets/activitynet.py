from typing import Any, Dict, Union

from dyfadet_mm.registry import DATASETS
from .base_tad_dataset import TADDataset


@DATASETS.register_module()
class ActivityNetDataset(TADDataset):
    """ActivityNet-1.3: 200 activities, subsets *training*, *validation*.

    - Video ids are those of YouTube, feature files are called ``v_<id>``.
    - The official file has 10024 training and 4926 validation videos.
      ActionFormer's ``anet1.3_tsp_filtered.json`` keeps the 9987 training
      videos that have features and an action, OpenTAD evaluates on 4728
      validation videos: results compare only roughly.
    - Classes are read from the file: by ``label_id`` where it has them, as
      ActionFormer's, and otherwise sorted by name, as in OpenTAD. MMAction2
      and external score files may have another order, so scores must be
      matched by name. Official names keep their misspellings.
    - The detector is trained without classes, which external scores provide.
    - Actions that a file lists twice are dropped. Some features end before
      their video: :class:`ClipActions` with ``margin='half_window',
      min_share=0.5`` does in training what the published code does.
    - ``fps`` depends on the features, 15 for TSP and 25 for I3D, and is not
      in the official file: give it.

    Args:
        file_prefix (str | dict[str, str]): See :class:`TADDataset`. Defaults
            to ``'v_'``.
        remove_duplicates (bool): Defaults to True.
        class_agnostic (bool): Defaults to True.
        kwargs: Other arguments of :class:`TADDataset`.
    """

    def __init__(self,
                 *args: Any,
                 file_prefix: Union[str, Dict[str, str]] = 'v_',
                 remove_duplicates: bool = True,
                 class_agnostic: bool = True,
                 **kwargs: Any) -> None:
        super().__init__(
            *args,
            file_prefix=file_prefix,
            remove_duplicates=remove_duplicates,
            class_agnostic=class_agnostic,
            **kwargs)
