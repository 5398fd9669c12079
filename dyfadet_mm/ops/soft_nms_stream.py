"""Soft-NMS while later candidates are still unknown."""
import math

import numpy as np

from .nms_rounds import make_decay
from .soft_nms import LENGTH_EPS, best_first

#: A candidate: segment, score and class; the score that it was settled with,
#: NaN before; and whether nothing unknown has had a say in it.
ROW = np.dtype([('start', float), ('end', float), ('score', float),
                ('label', np.int64), ('final', float), ('exact', bool)])


class SoftNmsStream:
    """:func:`soft_nms` of candidates that arrive in the order of time.

    A candidate is settled as soon as its decayed score cannot change any
    more. Candidates only decay others that they overlap and that score less.
    So the best candidate of a group is settled unless it ends behind the
    horizon, where candidates are still to come, or overlaps a better one that
    is not settled itself, and so on down the scores. What is settled while
    all candidates begin behind the horizons before them is what
    :func:`soft_nms` gives for all of them at once, but for ``max_num``, of
    which it knows nothing, and the first of a group, which may be dropped.

    Memory is bounded by force: candidates that end before ``oldest``, or are
    too many, are settled as if nothing followed. These, and candidates that
    come too late and overlap what is settled, are marked as not exact; while
    none is, all is as above.

    Args:
        method (str): See :func:`soft_nms`, as the next four. Defaults to
            ``'gaussian'``.
        sigma (float): Defaults to 0.5.
        iou_threshold (float): Defaults to 0.1.
        min_score (float): Lowest score that is settled. Defaults to 0.001.
        class_wise (bool): Defaults to True.
        max_pending (int): Most candidates that wait, and most settled ones
            that are remembered. Defaults to 20000.
    """

    def __init__(self,
                 method: str = 'gaussian',
                 sigma: float = 0.5,
                 iou_threshold: float = 0.1,
                 min_score: float = 0.001,
                 class_wise: bool = True,
                 max_pending: int = 20000) -> None:
        self.decay = make_decay(method, sigma, iou_threshold, np.dtype(float))
        self.removes = method == 'hard'
        self.floor = max(min_score, 0.)
        if self.removes:  # what it removes falls to 0
            self.floor = max(min_score, float(np.finfo(np.float32).tiny))
        self.class_wise = class_wise
        self.max_pending = max_pending
        self._rows = np.empty(0, ROW)
        self._settled = -math.inf  # what begins later overlaps none settled
        self._forgotten = -math.inf  # none that is forgotten ends later

    def __len__(self) -> int:
        """Candidates in memory, settled ones that are remembered included."""
        return len(self._rows)

    @property
    def first_pending(self) -> float:
        """float: The earliest start of what waits, infinity if nothing is."""
        waits = np.isnan(self._rows['final'])
        return self._rows['start'][waits].min(initial=math.inf)

    def add(self, segments: np.ndarray, scores: np.ndarray,
            labels: np.ndarray) -> None:
        """Add candidates.

        Args:
            segments (ndarray): (start, end), (N, 2).
            scores (ndarray): Not negative, (N,).
            labels (ndarray): Classes, (N,).
        """
        rows = np.empty(len(scores), ROW)
        rows['start'], rows['end'] = segments.T
        rows['score'], rows['label'], rows['final'] = scores, labels, math.nan
        rows = rows[scores > self.floor if self.removes else scores >=
                    self.floor]
        rows['exact'] = rows['start'] >= self._forgotten
        is_settled = ~np.isnan(self._rows['final'])
        for late in np.flatnonzero(rows['start'] < self._settled):
            near = is_settled & self._overlaps(self._rows, rows[late])
            rows['exact'][late] &= not near.any()
        self._rows = np.concatenate((self._rows, rows))

    def settle(self, horizon: float, oldest: float = -math.inf) -> np.ndarray:
        """Settle what no later candidate can change.

        Args:
            horizon (float): No later candidate begins before this; infinity
                if there are none.
            oldest (float): What ends before this is settled in any case.
                Defaults to minus infinity.

        Returns:
            ndarray: The settled candidates, an array of :data:`ROW`.
        """
        ends = self._rows['end'][np.isnan(self._rows['final'])]
        if len(ends) > self.max_pending and horizon < math.inf:
            oldest = max(oldest, -np.partition(-ends, self.max_pending)[
                self.max_pending])  # yapf: disable
        rows = self._sorted()
        before = np.isnan(rows['final'])
        firsts = np.flatnonzero(np.diff(self._groups(rows))) + 1
        for part in np.split(rows, firsts):
            self._walk(part, horizon, oldest)
        fresh = rows[before & (rows['final'] >= self.floor)]
        self._settled = max(self._settled, horizon, oldest)
        self._forget(rows[~(rows['final'] < 0)], min(horizon, oldest))
        return fresh

    def _groups(self, rows: np.ndarray) -> np.ndarray:
        """Which candidates can decay each other."""
        return rows['label'] if self.class_wise else 0 * rows['label']

    def _overlaps(self, rows: np.ndarray, row: np.ndarray) -> np.ndarray:
        """What overlaps a candidate of its group."""
        return ((rows['end'] > row['start']) & (rows['start'] < row['end'])
                & (self._groups(rows) == self._groups(row)))

    def _sorted(self) -> np.ndarray:
        """Candidates by group, then as :func:`soft_nms` takes equal ones."""
        rows = self._rows[best_first(*(self._rows[key]
                                       for key in ('score', 'start', 'end',
                                                   'label')))]
        return rows[self._groups(rows).argsort(kind='stable')]

    def _walk(self, rows: np.ndarray, horizon: float, oldest: float) -> None:
        """Settle in a group; what has decayed too far gets the score -1."""
        start, end, final = rows['start'], rows['end'], rows['final']
        is_new = np.isnan(final)
        is_forced = is_new & (end <= oldest)
        # scores of open ones are only known to be at most these
        is_open = is_new & ~is_forced & (end > horizon)
        rows['exact'] &= ~is_forced | (end <= horizon)
        # of what is settled, those that something new may overlap
        scores = np.where(is_new, rows['score'], final)
        scores[end <= start[is_new].min(initial=math.inf)] = -math.inf
        final[is_new] = -1
        shapes = np.stack((end - start + LENGTH_EPS, end, -start))
        while len(rows) and scores[best := scores.argmax()] >= self.floor:
            score, scores[best] = scores[best], -math.inf
            near = is_new & (scores >= self.floor)
            near &= (end > start[best]) & (start < end[best])
            if is_open[best]:
                final[best] = math.nan
                is_open |= near & ~is_forced
                near &= is_forced
                rows['exact'] &= ~near
            elif is_new[best]:
                final[best] = score
            near = np.flatnonzero(near)
            if len(near):
                scores[near] *= self.decay(shapes[:, near], shapes[:, [best]])

    def _forget(self, rows: np.ndarray, oldest: float) -> None:
        """Keep what waits, and the settled ones that may be overlapped."""
        waits = np.isnan(rows['final'])
        pending, settled = rows[waits], rows[~waits]
        oldest = min(oldest, pending['start'].min(initial=math.inf))
        last = np.argsort(-settled['end'], kind='stable')[:self.max_pending]
        kept = np.zeros(len(settled), bool)
        kept[last] = settled['end'][last] > oldest
        self._forgotten = max(self._forgotten,
                              settled['end'][~kept].max(initial=-math.inf))
        pending['exact'] &= pending['start'] >= self._forgotten
        self._rows = np.concatenate((pending, settled[kept]))
