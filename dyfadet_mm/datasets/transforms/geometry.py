from typing import Optional, Sequence, Tuple, Union

import numpy as np
from mmcv.transforms import BaseTransform

from dyfadet_mm.fileio import find_reversed
from dyfadet_mm.registry import TRANSFORMS
from dyfadet_mm.structures.segments import seconds_to_grid
from dyfadet_mm.utils.checks import check_at_least


@TRANSFORMS.register_module()
class SecondsToGrid(BaseTransform):
    """Convert the actions of a video from seconds to the feature grid.

    Slightly negative starts, which belong to actions at the very beginning,
    are kept. Actions that end before they start are no targets: no later step
    sees one, while ``segments_s`` keeps them for evaluation.

    Required Keys:

    - segments_s (ndarray): seconds, (N, 2)
    - labels_s (ndarray): (N, )
    - fps, feat_stride, feat_num_frames
    - class_agnostic (bool, optional)

    Added Keys:

    - segments (ndarray): feature grid, (M, 2) float32
    - labels (ndarray): (M, ) int64, all 0 if ``class_agnostic``
    """

    def transform(self, results: dict) -> dict:
        """Add ``segments`` and ``labels``.

        Args:
            results (dict): Result dict of the dataset.

        Returns:
            dict: The same dict with both keys.

        Raises:
            ValueError: If ``feat_stride`` or ``feat_num_frames`` is None, or
                an action is beyond all cells.
        """
        if None in (results['feat_stride'], results['feat_num_frames']):
            raise ValueError(
                'feat_stride and feat_num_frames must be numbers to convert '
                'seconds to cells, but got None; set them in the dataset, or '
                'put SpreadFeatures before SecondsToGrid')
        targets = ~find_reversed(results['segments_s'])  # (N, )
        with np.errstate(over='ignore', invalid='ignore'):
            segments = seconds_to_grid(results['segments_s'][targets],
                                       results['fps'], results['feat_stride'],
                                       results['feat_num_frames'])
            segments = segments.astype(np.float32)  # (M, 2)
        if not np.isfinite(segments).all():
            raise ValueError(
                f"actions of video {results.get('video_id')!r} must lie on a "
                'grid of float32, but got seconds up to '
                f"{np.abs(results['segments_s']).max()}; correct them")
        results['segments'] = segments
        labels = results['labels_s'][targets].astype(np.int64)
        if results.get('class_agnostic', False):
            labels = np.zeros_like(labels)
        results['labels'] = labels  # (M, )
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


@TRANSFORMS.register_module()
class RandomTruncate(BaseTransform):
    """Keep a random window of the video, for training.

    A video longer than ``max_seq_len`` is cut to that length, another one to
    a random share ``crop_ratio`` of its own. Windows are drawn until one
    shows at least ``trunc_thresh`` of some action; after ``max_trials`` the
    last one is used, possibly without any action. Actions shown to that
    share are clipped to the window and shifted, all others are dropped, and
    so is one of length zero. The arrays passed in are not edited.

    Required Keys:

    - feats (ndarray): (T, C)
    - segments (ndarray): feature grid, (N, 2)
    - labels (ndarray): (N, )
    - rng (numpy.random.Generator): made by the dataset
    - feat_stride, feat_num_frames: with ``margin='half_window'``

    Modified Keys:

    - feats, segments, labels

    Args:
        max_seq_len (int): Most cells that are kept.
        trunc_thresh (float): Least share of an action inside the window, in
            (0, 1]. Defaults to 0.5.
        crop_ratio (Sequence[float], optional): Shortest and longest share of
            a video that fits into ``max_seq_len``. None keeps such a video
            as it is. Defaults to (0.9, 1.0).
        max_trials (int): Windows drawn at most. Defaults to 200.
        margin (float | str): Cells by which a window is widened on both
            sides when it is compared with the actions; ``'half_window'``:
            half of the frames that a cell has seen, as in ActionFormer.
            Defaults to 0.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(self,
                 max_seq_len: int,
                 trunc_thresh: float = 0.5,
                 crop_ratio: Optional[Sequence[float]] = (0.9, 1.0),
                 max_trials: int = 200,
                 margin: Union[float, str] = 0.) -> None:
        check_at_least('max_seq_len', max_seq_len)
        if not 0 < trunc_thresh <= 1:
            raise ValueError('trunc_thresh must be in (0, 1], but got '
                             f'{trunc_thresh}')
        if crop_ratio is not None and not (
                len(crop_ratio) == 2
                and 0 < crop_ratio[0] <= crop_ratio[1] <= 1):
            raise ValueError('crop_ratio must be None or (low, high) with '
                             f'0 < low <= high <= 1, but got {crop_ratio}')
        check_at_least('max_trials', max_trials)
        if margin != 'half_window' and not (isinstance(margin, (int, float))
                                            and margin >= 0):
            raise ValueError("margin must be 'half_window' or at least 0 "
                             f'cells, but got {margin!r}')
        self.max_seq_len = max_seq_len
        self.trunc_thresh = trunc_thresh
        self.crop_ratio = None if crop_ratio is None else tuple(crop_ratio)
        self.max_trials = max_trials
        self.margin = margin

    def _window_length(self, num_cells: int, rng: np.random.Generator) -> int:
        """Draw how many of ``num_cells`` cells are kept."""
        if num_cells > self.max_seq_len:
            return self.max_seq_len
        if self.crop_ratio is None:
            return num_cells
        shortest = max(round(self.crop_ratio[0] * num_cells), 1)
        longest = max(round(self.crop_ratio[1] * num_cells), shortest)
        return int(rng.integers(shortest, longest, endpoint=True))

    def _clip(self, segments: np.ndarray, start: float,
              end: float) -> Tuple[np.ndarray, np.ndarray]:
        """Clip actions to a window, and tell which of them it shows.

        Args:
            segments (ndarray): Feature grid, (N, 2).
            start (float): Start of the window on the feature grid.
            end (float): End of the window.

        Returns:
            tuple: Clipped segments (N, 2), and the mask (N, ) of those with a
            share of at least ``trunc_thresh`` inside.
        """
        clipped = segments.clip(start, end)
        inside = clipped[:, 1] - clipped[:, 0]  # (N, )
        whole = segments[:, 1] - segments[:, 0]
        share = np.divide(
            inside, whole, out=np.zeros_like(whole), where=whole > 0)
        return clipped, share >= self.trunc_thresh

    def transform(self, results: dict) -> dict:
        """Cut ``feats``, ``segments`` and ``labels`` to one window.

        Args:
            results (dict): Result dict.

        Returns:
            dict: The same dict with the three keys replaced, or unchanged
            where the whole video is kept.

        Raises:
            KeyError: If ``rng`` is missing.
        """
        if 'rng' not in results:
            raise KeyError("results must have 'rng', a numpy Generator, but "
                           f'got {sorted(results)}; TADDataset adds it')
        feats, segments = results['feats'], results['segments']
        rng = results['rng']
        num_cells = len(feats)
        length = self._window_length(num_cells, rng)
        if length == num_cells:
            return results
        margin = self.margin
        if margin == 'half_window':
            margin = results['feat_num_frames'] / results['feat_stride'] / 2
        # without actions no window is better than the first one
        for _ in range(self.max_trials if len(segments) else 1):
            start = int(rng.integers(num_cells - length, endpoint=True))
            clipped, shown = self._clip(segments, start - margin,
                                        start + length + margin)
            if shown.any():
                break
        results['feats'] = feats[start:start + length].copy()  # (length, C)
        results['segments'] = clipped[shown] - start  # (M, 2)
        results['labels'] = results['labels'][shown]  # (M, )
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(max_seq_len={self.max_seq_len}, '
                f'trunc_thresh={self.trunc_thresh}, '
                f'crop_ratio={self.crop_ratio}, '
                f'max_trials={self.max_trials}, margin={self.margin!r})')
