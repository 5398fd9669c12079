from typing import Any, Optional

from dyfadet_mm.registry import DATASETS
from .base_tad_dataset import TADDataset


@DATASETS.register_module()
class Ego4DMQDataset(TADDataset):
    """Ego4D Moment Queries 1.0: 110 moments in 2488 clips of 8 minutes.

    - One entry per clip, called by its ``clip_uid``. ActionFormer's converter
      calls the subsets *training* and *validation*, OpenTAD's *train*, *val*
      and *test*, where *test* has no annotations.
    - The ground truth of the two differs: ActionFormer's, which the published
      code follows, drops actions shorter than 0.25 s, in validation too, and
      moves the start of a clip back to a multiple of 16 frames. With
      OpenTAD's file, ``filter_cfg=dict(min_action_length=0.25)`` does the
      first.
    - Labels are the sorted names; seven of them hold commas and are wrapped
      in double quotes, which belong to the name and sort first.
    - Features of several sources are joined as they are: their lengths must
      be equal. A clip needs all of them. Actions beyond the end of the
      features stay, and so do duplicates.

    Args:
        fps (float, optional): Frames per second; None takes them from the
            file, as OpenTAD does for InternVideo. Defaults to 30.
        filter_missing (bool): Skip clips without features, as the published
            code does here. Defaults to True.
        kwargs: Other arguments of :class:`TADDataset`.
    """

    def __init__(self,
                 *args: Any,
                 fps: Optional[float] = 30.,
                 filter_missing: bool = True,
                 **kwargs: Any) -> None:
        super().__init__(
            *args, fps=fps, filter_missing=filter_missing, **kwargs)
