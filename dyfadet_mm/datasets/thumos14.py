from dyfadet_mm.registry import DATASETS
from .base_tad_dataset import TADDataset


@DATASETS.register_module()
class THUMOS14Dataset(TADDataset):
    """THUMOS14: 20 sports, trained on *Validation*, evaluated on *Test*.

    ``subset`` names differ between annotation files: ``'validation'`` and
    ``'test'`` in ActionFormer's ``thumos14.json``, ``'training'`` and
    ``'validation'`` in OpenTAD's. Every CliffDiving is annotated a second
    time as Diving; both stay, so the training target has two classes there.
    """

    METAINFO = dict(
        classes=('BaseballPitch', 'BasketballDunk', 'Billiards',
                 'CleanAndJerk', 'CliffDiving', 'CricketBowling',
                 'CricketShot', 'Diving', 'FrisbeeCatch', 'GolfSwing',
                 'HammerThrow', 'HighJump', 'JavelinThrow', 'LongJump',
                 'PoleVault', 'Shotput', 'SoccerPenalty', 'TennisSwing',
                 'ThrowDiscus', 'VolleyballSpiking'))
