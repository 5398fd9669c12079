from typing import Optional

from mmcv.transforms import BaseTransform

from dyfadet_mm.registry import TASK_UTILS, TRANSFORMS


@TRANSFORMS.register_module()
class LoadFeatures(BaseTransform):
    """Read the pre-computed features of a video.

    Required Keys:

    - video_id
    - feature_path

    Added Keys:

    - feats (ndarray): (T, C) float32

    Args:
        reader (dict): Config of a feature reader. Defaults to
            ``dict(type='dyfadet_mm.NpyReader')``.
        feat_dim (int, optional): C that the model expects, so that features
            of another dimension are reported with the name of the video.
            Defaults to None, any.
    """

    def __init__(self,
                 reader: Optional[dict] = None,
                 feat_dim: Optional[int] = None) -> None:
        if reader is None:
            reader = dict(type='dyfadet_mm.NpyReader')
        self.reader = TASK_UTILS.build(reader)
        self.feat_dim = feat_dim

    def transform(self, results: dict) -> dict:
        """Add the features.

        Args:
            results (dict): Result dict of the dataset.

        Returns:
            dict: The same dict with ``feats``.

        Raises:
            FileNotFoundError: If the feature file is missing.
            ValueError: If it holds no usable features.
        """
        results['feats'] = self.reader.read(results['feature_path'],
                                            results['video_id'],
                                            self.feat_dim)  # (T, C)
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(reader={type(self.reader).__name__}, '
                f'feat_dim={self.feat_dim})')
