"""Soft-NMS while later candidates are still unknown."""
import math

import numpy as np

from dyfadet_mm.ops.soft_nms import LENGTH_EPS, best_first, make_decay

#: A candidate: segment, class, score at first and as it has decayed, and
#: whether nothing unknown has had a say in it.
ROW = np.dtype([('start', float), ('end', float), ('label', np.int64),
                ('origin', float), ('score', float), ('exact', bool)])


class SoftNmsStream:
    """:func:`soft_nms` of candidates that arrive in the order of time.

    A candidate is settled as soon as its decayed score cannot change any
    more. Candidates are only decayed by better ones that they overlap. So the
    best of a group is settled unless it ends behind the horizon, where others
    are still to come. All others, from the best down, are settled unless they
    end there as well, or overlap a better one that is not settled.

    If all candidates begin behind the horizons of before, this gives what
    :func:`soft_nms` gives for all of them at once. But it knows no
    ``max_num``, and drops the first of a group as any other.

    Memory is bounded by force: candidates that end before ``oldest``, or are
    too many, are settled with what is known. These, and those that come too
    late and overlap settled ones, are marked as not exact; else all is exact.

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
        self.floor = max(min_score, 0.)
        if method == 'hard':  # which drops these, and lets others fall to 0
            least = max(min_score, float(np.finfo(np.float32).tiny))
            self.floor = float(np.nextafter(least, math.inf))
        self.class_wise = class_wise
        self.max_pending = max_pending
        self._pending = np.empty(0, ROW)
        self._settled = np.empty(0, ROW)  # of which later ones may be late
        self._horizon = -math.inf  # who begins earlier is late
        self._forgotten = -math.inf  # the end of what is not remembered

    def __len__(self) -> int:
        """Candidates in memory, settled ones that are remembered included."""
        return len(self._pending) + len(self._settled)

    @property
    def first_pending(self) -> float:
        """float: The earliest start of what waits, infinity if nothing is."""
        return self._pending['start'].min(initial=math.inf)

    def add(self, segments: np.ndarray, scores: np.ndarray,
            labels: np.ndarray) -> None:
        """Add candidates, (N, 2), (N,) and (N,), of scores >= 0."""
        rows = np.empty(len(scores), ROW)
        rows['start'], rows['end'] = segments.T
        rows['origin'] = rows['score'] = scores
        rows['label'] = labels
        rows['exact'] = rows['start'] >= self._forgotten
        rows = rows[rows['score'] >= self.floor]
        for index in np.flatnonzero(rows['start'] < self._horizon):
            self._add_late(rows[index:index + 1])
        self._pending = np.concatenate((self._pending, rows))

    def _add_late(self, row: np.ndarray) -> None:
        """Decay one by what is settled and better, in place."""
        near = self._settled
        near = near[(near['end'] > row['start']) & (near['start'] < row['end'])
                    & (self._groups(near) == self._groups(row))]
        for better in near[best_first(near['score'])]:
            row['exact'] = False
            if better['score'] >= row['score']:
                row['score'] *= self.decay(_shapes(row), _shapes(better))

    def settle(self, horizon: float, oldest: float = -math.inf) -> np.ndarray:
        """Settle what no later candidate can change, an array of :data:`ROW`.

        No later candidate begins before the horizon, which is infinity if
        there are none. What ends before ``oldest`` is settled in any case.
        """
        if len(self._pending) > self.max_pending and horizon < math.inf:
            ends = np.sort(self._pending['end'])
            oldest = max(oldest, ends[-self.max_pending - 1])
        rows = self._pending  # by group, then as soft_nms takes equal ones
        keys = (rows[key] for key in ('origin', 'start', 'end', 'label'))
        rows = rows[best_first(*keys)]
        rows = rows[self._groups(rows).argsort(kind='stable')]
        firsts = np.flatnonzero(np.diff(self._groups(rows))) + 1
        is_settled = np.concatenate([
            self._walk(part, horizon, oldest)
            for part in np.split(rows, firsts)
        ])
        self._horizon = max(self._horizon, horizon, oldest)
        self._pending = rows[~is_settled & (rows['score'] >= self.floor)]
        self._remember(rows[is_settled], min(horizon, oldest))
        return rows[is_settled]

    def _groups(self, rows: np.ndarray) -> np.ndarray:
        """Which candidates can decay each other."""
        return rows['label'] if self.class_wise else 0 * rows['label']

    def _walk(self, rows: np.ndarray, horizon: float,
              oldest: float) -> np.ndarray:
        """Decay the scores of a group, and say which ones are settled."""
        start, end, scores = (
            rows[key].copy() for key in ('start', 'end', 'score'))
        shapes = _shapes(rows)
        is_forced = end <= oldest
        is_open = ~is_forced & (end > horizon)
        rows['exact'] &= ~is_forced | (end <= horizon)
        is_settled = np.zeros(len(rows), bool)
        is_guessed = np.zeros(len(rows), bool)
        left = np.where(is_open, -math.inf, scores)
        while len(left) and left[best := left.argmax()] >= self.floor:
            near = (end > start[best]) & (start < end[best])
            near[best] = False
            rivals = near & is_open & (scores >= scores[best])
            if rivals.any() and not is_guessed[best]:
                # scores of open ones are only known to be at most these
                if not is_forced[best]:
                    is_open[best], left[best] = True, -math.inf
                    continue
                is_guessed[best], rows['exact'][best] = True, False
                scores[best] *= self.decay(shapes[:, [best]],
                                           shapes[:, rivals]).prod()
                left[best] = scores[best]
                continue
            is_settled[best], left[best] = True, -math.inf
            near &= ~is_settled & (scores <= scores[best])
            near = np.flatnonzero(near)
            if len(near):
                scores[near] *= self.decay(shapes[:, near], shapes[:, [best]])
                left[near] = np.where(is_open[near], -math.inf, scores[near])
        rows['score'] = scores
        return is_settled

    def _remember(self, rows: np.ndarray, oldest: float) -> None:
        """Keep settled ones that late candidates may overlap."""
        rows = np.concatenate((self._settled, rows))
        rows = rows[np.argsort(-rows['end'], kind='stable')]
        num = min(np.count_nonzero(rows['end'] > oldest), self.max_pending)
        self._forgotten = max(self._forgotten,
                              rows['end'][num:].max(initial=-math.inf))
        self._settled = rows[:num]


def _shapes(rows: np.ndarray) -> np.ndarray:
    """What :func:`make_decay` takes, (3, N)."""
    return np.stack((rows['end'] - rows['start'] + LENGTH_EPS, rows['end'],
                     -rows['start']))
