"""The rounds of soft-NMS, in all groups at once.

One round takes the best candidate of every group (class), so that a video
costs as many rounds as its busiest class has detections. Rounds are NumPy: an
operation of PyTorch takes longer to start than most of these to run.
"""
import math
from typing import Callable, Tuple

import numpy as np
import torch

Decay = Callable[[np.ndarray, np.ndarray], np.ndarray]
METHODS = ('gaussian', 'linear', 'hard')

# fewest candidates that are tried alone
FEW = 2000
# most candidates of a block, and pairs of them in all blocks of a play
BLOCK_SIZE = 96
MAX_PAIRS = 2**17
# places in a table that are not worth a second one
SMALL_TABLE = 2**14


def pick(candidates: np.ndarray, groups: np.ndarray, decay: Decay,
         min_score: float, max_num: int) -> Tuple[np.ndarray, np.ndarray]:
    """Pick candidates, best first in every group, as others decay.

    Candidates are (length, end, -start, score), best first, (4, N), and
    groups integers, (N,). ``max_num`` is the most picks of a group, and those
    that are wanted: the best ``max_num`` of all are among the picks, of which
    indices and scores are returned, (D,) each. All of them score at least
    ``min_score``, the first of a group aside.
    """
    num = max(FEW, 2 * max_num)
    if num < len(groups):
        # what is better than all but these cannot become one of them
        least = np.nextafter(candidates[3, num:num + 1], np.inf)
        rounds = Rounds(candidates[:, :num], groups[:num], decay,
                        max(float(least[0]), min_score), max_num)
        picks, scores = rounds.run()
        if np.count_nonzero(scores >= least) >= max_num:
            return picks, scores
    return Rounds(candidates, groups, decay, min_score, max_num).run()


class Rounds:
    """Candidates of every group, and what has been picked, see :func:`pick`.

    As scores only fall, the best of a group, its block, need no other
    candidate while they are better than the best outside, which are decayed
    afterwards, by all that was picked at once.

    A table has a row per group, best first, with blanks (-1) before and
    after. A blank is -inf in every number: it overlaps nothing.
    """

    def __init__(self, candidates: np.ndarray, groups: np.ndarray,
                 decay: Decay, min_score: float, max_num: int) -> None:
        self.decay, self.max_num = decay, max_num
        self.floor = max(min_score, 0.)  # least score that can be output
        # numbers of few bits are sorted fast
        ends = groups.min(initial=0), groups.max(initial=0)
        kind = np.result_type(*map(np.min_scalar_type, ends))
        self.order = groups.astype(kind).argsort(kind='stable')
        groups = groups[self.order]
        is_first = np.diff(groups, prepend=groups[:1] - 1) != 0
        self.groups = is_first.cumsum() - 1  # 0, 0, ..., 1, 1, ...
        self.candidates = np.full((4, len(groups) + 1), -np.inf,
                                  candidates.dtype)
        self.candidates[:, :-1] = candidates[:, self.order]
        self.scores = self.candidates[3]  # fall as rounds are played
        self.first = np.flatnonzero(is_first)  # (G,)
        self.num_picked = np.zeros(len(self.first), int)
        self.picked, self.best = self.first[:0], self.scores[:0]

    def run(self) -> Tuple[np.ndarray, np.ndarray]:
        """Pick until nothing is left that can be output, see above."""
        while len(members := self._remaining()):
            self._play(self._table(members))
        # the first of a group is picked however low its score is
        rest = self.first[self.num_picked == 0]
        return (self.order[np.append(self.picked, rest)],
                np.append(self.best, self.scores[rest]))

    def _remaining(self) -> np.ndarray:
        """What can be picked next, sorted by group, best first, (M,)."""
        is_open = self.num_picked < self.max_num
        members = np.flatnonzero(self.scores[:-1] >= self.floor)
        members = members[is_open[self.groups[members]]]
        # groups far smaller than the largest one wait, as rows are padded
        sizes = np.bincount(self.groups[members], minlength=1)
        if sizes.max() * np.count_nonzero(sizes) > SMALL_TABLE:
            is_large = 4 * sizes > sizes.max()
            members = members[is_large[self.groups[members]]]
        return members

    def _table(self, members: np.ndarray) -> np.ndarray:
        """Lay out candidates, (M,), sorted by group, as (G, 1 + W)."""
        sizes = np.bincount(self.groups[members])
        sizes = sizes[sizes > 0, None]
        column = np.arange(1 + sizes.max())
        table = np.full((len(sizes), len(column)), -1)
        table[(column > 0) & (column <= sizes)] = members
        return table

    def _play(self, table: np.ndarray) -> None:
        """Pick from the blocks of a table, and decay what is outside."""
        is_in, bound = self._block(table)
        block = self._table(table[is_in])
        groups = self.groups[block[:, 1]]
        below = np.nextafter(np.full_like(bound, self.floor), -np.inf)
        picked, best = self._pick(block, np.maximum(bound, below))
        rank = self.num_picked[groups] + np.arange(len(picked))[:, None]
        is_pick = (picked >= 0) & (rank < self.max_num)
        self.num_picked[groups] += is_pick.sum(0)
        self.picked = np.append(self.picked, picked[is_pick])
        self.best = np.append(self.best, best[is_pick])
        if len(self.best) >= self.max_num:
            worst = np.partition(self.best, -self.max_num)[-self.max_num]
            self.floor = max(self.floor, float(worst))
        is_left = ~is_in & (self.scores[table] >= self.floor)
        table = np.where(is_left, table, -1)[:, is_left.any(0)]
        _, others, factor = self._overlaps(picked.T, table)
        np.multiply.at(self.scores, others, factor)

    def _block(self, table: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """The best of every group, (G, W), and the best outside, (G,)."""
        size = math.isqrt(MAX_PAIRS // len(table))
        size = max(min(size, BLOCK_SIZE), 2)
        if table.shape[1] <= size:
            return table >= 0, self.scores[-1:]
        scores = self.scores[table]
        bound = np.partition(scores, -size, 1)[:, -size, None]
        is_in = scores > bound
        # where none is better, the first of equal ones
        is_tied = ~is_in.any(1, keepdims=True)
        ties = is_tied & (scores == bound)
        is_in |= ties & (ties.cumsum(1) <= size)
        bound = np.where(is_tied, np.nextafter(bound, -np.inf), bound)
        return is_in, bound[:, 0]

    def _pick(self, block: np.ndarray,
              bound: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Pick, in rounds, what scores more than the bound, (R, G) each."""
        size = block.shape[1]
        near, _, factor = self._overlaps(block, block)
        factors = np.ones((block.size, size), self.scores.dtype)
        factors.put(near, factor)
        scores = self.scores[block]
        # the first blank of a row stands for what may not be picked
        scores[:, 0] = bound
        taken = np.zeros_like(scores)  # -inf where taken
        first = np.arange(0, block.size, size)
        places, best = [], []
        for num in range(size):
            current = scores + taken
            place = current.argmax(1) + first  # the first of equal ones
            places.append(place)
            best.append(current.take(place))
            taken.put(place, -np.inf)
            taken[:, 0] = 0
            scores *= factors.take(place, 0)
            if num % 8 == 7 and (place == first).all():
                break
        scores[:, 0] = -np.inf
        self.scores[block] = scores + taken
        return block.take(places), np.stack(best)

    def _overlaps(self, picks: np.ndarray,
                  others: np.ndarray) -> Tuple[np.ndarray, ...]:
        """Places (G, P, M), candidates and factors where two overlap."""
        _, end, start, _ = self.candidates
        is_near = end[others[:, None]] > -start[picks[..., None]]
        is_near &= start[others[:, None]] > -end[picks[..., None]]
        near = np.flatnonzero(is_near)
        pick, other = np.divmod(near, others.shape[1])
        others = others[pick // max(picks.shape[1], 1), other]
        return near, others, self.decay(self.candidates[:, others],
                                        self.candidates[:, picks.take(pick)])


def make_decay(method: str, sigma: float, iou_threshold: float,
               dtype: np.dtype) -> Decay:
    """What picks leave of scores, as a function for numbers of a kind.

    It takes (length, end, -start, ...) of candidates and of a pick for each,
    and gives factors, (M,); the other arguments are those of :func:`soft_nms`.

    Raises:
        ValueError: If one of these is out of range.
    """
    if method not in METHODS:
        raise ValueError(
            f'method must be one of {METHODS}, but got {method!r}')
    if method == 'hard' and iou_threshold <= 0:
        raise ValueError('iou_threshold must be positive to remove segments, '
                         f'but got {iou_threshold}')
    with np.errstate(over='ignore'):
        scale = -dtype.type(sigma)
    # what is 0 as such a number would divide 0 by 0
    if not scale < 0:
        raise ValueError(f'sigma must be positive, but got {sigma} as {dtype}')

    def decay(others: np.ndarray, picks: np.ndarray) -> np.ndarray:
        inter = np.minimum(others[1], picks[1])
        inter += np.minimum(others[2], picks[2])
        np.maximum(inter, 0, out=inter)
        union = others[0] + picks[0] - inter
        iou = np.divide(inter, union, out=inter, where=inter > 0)
        if method == 'gaussian':
            iou *= iou
            iou /= scale
            # the exponential of NumPy differs in the last digit
            return torch.from_numpy(iou).exp_().numpy()
        low = 1 - iou if method == 'linear' else np.zeros_like(iou)
        return np.where(iou >= iou_threshold, low, 1)

    return decay
