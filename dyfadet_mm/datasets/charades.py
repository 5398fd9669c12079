from dyfadet_mm.registry import DATASETS
from .base_tad_dataset import TADDataset


@DATASETS.register_module()
class CharadesDataset(TADDataset):
    """Charades: 157 indoor activities, several at once, in 9848 videos.

    - Subsets are *training* and *testing* in OpenTAD's file, *train* and
      *test* in that of TriDet's follow-up.
    - Classes are read from the file: by ``label_id`` where it has them,
      otherwise sorted by name.
    - ``fps`` depends on the features: 24 for OpenTAD's I3D, 30 for its
      VideoMAE; those of TriDet's follow-up, ``<id>-rgb.npz``, take it from
      the file.

    Args:
        kwargs: Arguments of :class:`TADDataset`.
    """
