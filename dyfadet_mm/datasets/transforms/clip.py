from typing import Optional, Union

from mmcv.transforms import BaseTransform

from dyfadet_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ClipActions(BaseTransform):
    """Clip actions to the end of the features, for training.

    Some features end before their video does. With T cells and the limit
    L = T + ``margin``, an action that starts at L or later is dropped, so is
    one of which less than ``min_share`` lies before L, and the others end at
    L at the latest. Starts are kept, slightly negative ones too. What the
    published code does:

    - ActivityNet: ``margin='half_window', min_share=0.5``
    - HACS: ``margin=0``
    - all others: nothing

    A video that loses all its actions is kept as one without; the published
    code stops there, or leaves it out of the batch (HACS with VideoMAE-V2).
    The arrays passed in are not edited.

    Required Keys:

    - feats (ndarray): (T, C)
    - segments (ndarray): feature grid, (N, 2)
    - labels (ndarray): (N, )
    - feat_stride, feat_num_frames: for ``'half_window'``

    Modified Keys:

    - segments, labels

    Args:
        margin (float | str): Cells, or ``'half_window'``: half of the frames
            that a cell has seen. Defaults to 0.
        min_share (float, optional): In [0, 1]; an action of length zero has
            no share. Defaults to None, any.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(self,
                 margin: Union[float, str] = 0.,
                 min_share: Optional[float] = None) -> None:
        if margin != 'half_window' and not (isinstance(margin, (int, float))
                                            and margin >= 0):
            raise ValueError("margin must be 'half_window' or at least 0 "
                             f'cells, but got {margin!r}')
        if min_share is not None and not 0 <= min_share <= 1:
            raise ValueError('min_share must be None or in [0, 1], but got '
                             f'{min_share}')
        self.margin = margin
        self.min_share = min_share

    def transform(self, results: dict) -> dict:
        """Clip and drop actions.

        Args:
            results (dict): Result dict.

        Returns:
            dict: The same dict.
        """
        limit = len(results['feats']) + self._margin(results)
        segments = results['segments']  # (N, 2)
        start, end = segments.T
        inside = start < limit  # (N, )
        if self.min_share is not None:
            shown, whole = end.clip(max=limit) - start, end - start
            inside &= (whole > 0) & (shown >= self.min_share * whole)
        results['segments'] = segments[inside].clip(max=limit)  # (M, 2)
        results['labels'] = results['labels'][inside]  # (M, )
        return results

    def _margin(self, results: dict) -> float:
        """Cells between the last one and the limit."""
        if self.margin == 'half_window':
            return results['feat_num_frames'] / 2 / results['feat_stride']
        return self.margin

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(margin={self.margin!r}, '
                f'min_share={self.min_share})')
