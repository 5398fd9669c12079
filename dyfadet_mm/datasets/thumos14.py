from typing import Any, Sequence, Union

from dyfadet_mm.registry import DATASETS
from .base_tad_dataset import TADDataset


@DATASETS.register_module()
class THUMOS14Dataset(TADDataset):
    """THUMOS14: 20 sports in 200 and 213 videos.

    - Training is done on the subset called *Validation*, evaluation on
      *Test*: ``subset='validation'`` and ``'test'`` with ActionFormer's
      ``thumos14.json``. OpenTAD's file calls the same videos *training* and
      *validation*.
    - ActionFormer's file has 212 test videos, the one without actions left
      out. OpenTAD's has 211: it leaves out ``video_test_0000270`` as well, so
      its results run slightly higher.
    - Labels are in alphabetical order. Every CliffDiving is annotated a
      second time as Diving; both stay, so the training target has two
      classes there.
    - ``fps`` is in the file, 30.0 for every video, or follows from the number
      of frames in OpenTAD's. Actions beyond the end of the features stay.
    - The official annotations have a list *Ambiguous*, left out by both
      files and here.

    Args:
        ignore_labels (str | Sequence[str]): See :class:`TADDataset`.
            Defaults to ``('Ambiguous', )``.
        filter_missing (bool): Skip videos without features, as the published
            code does here. Defaults to True.
        kwargs: Other arguments of :class:`TADDataset`.
    """

    METAINFO = dict(
        classes=('BaseballPitch', 'BasketballDunk', 'Billiards',
                 'CleanAndJerk', 'CliffDiving', 'CricketBowling',
                 'CricketShot', 'Diving', 'FrisbeeCatch', 'GolfSwing',
                 'HammerThrow', 'HighJump', 'JavelinThrow', 'LongJump',
                 'PoleVault', 'Shotput', 'SoccerPenalty', 'TennisSwing',
                 'ThrowDiscus', 'VolleyballSpiking'))

    def __init__(self,
                 *args: Any,
                 ignore_labels: Union[str, Sequence[str]] = ('Ambiguous', ),
                 filter_missing: bool = True,
                 **kwargs: Any) -> None:
        super().__init__(
            *args,
            ignore_labels=ignore_labels,
            filter_missing=filter_missing,
            **kwargs)
