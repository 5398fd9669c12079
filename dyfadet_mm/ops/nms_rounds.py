"""The rounds of soft-NMS: the best candidate is picked, others decay.

As scores only fall, the best ones, a block, need no other candidate while they
are better than the best outside, which are decayed afterwards, by all that was
picked at once. Rounds are NumPy: an operation of PyTorch takes longer to start
than most of these to run.
"""
from typing import Callable, Tuple

import numpy as np
import torch

Decay = Callable[[np.ndarray, np.ndarray], np.ndarray]
METHODS = ('gaussian', 'linear', 'hard')

# fewest candidates that are tried alone
FEW = 2000
# candidates of a block
BLOCK_SIZE = 200


def pick(candidates: np.ndarray, groups: np.ndarray, decay: Decay,
         min_score: float, max_num: int) -> Tuple[np.ndarray, np.ndarray]:
    """Pick candidates, as others of their group decay, best first.

    Candidates are (length, end, -start, score), best first, (4, N), and
    groups integers, (N,). ``max_num`` is the most picks of a group, and those
    that are wanted: the best ``max_num`` of all are among the picks, of which
    indices and scores are returned, (D,) each. All of them score at least
    ``min_score``, the first of a group aside.
    """
    num = max(FEW, 2 * max_num)
    if num < len(groups):
        # what is better than all but these cannot become one of them
        least = np.nextafter(candidates[3, num], candidates.dtype.type(np.inf))
        picks, scores = pick(candidates[:, :num], groups[:num], decay,
                             max(float(least), min_score), max_num)
        if np.count_nonzero(scores >= least) >= max_num:
            return picks, scores
    _, first, groups = np.unique(
        groups, return_index=True, return_inverse=True)
    num_picked = np.zeros(len(first), int)
    scores = candidates[3].copy()
    floor = max(min_score, 0.)  # least score that can be output
    picked, best = [], []

    def overlaps(picks: np.ndarray,
                 others: np.ndarray) -> Tuple[np.ndarray, ...]:
        """Places (P, M), candidates and factors where two overlap."""
        _, end, start, _ = candidates
        is_near = end[others] > -start[picks, None]
        is_near &= start[others] > -end[picks, None]
        is_near &= groups[others] == groups[picks, None]
        near = np.flatnonzero(is_near)
        by, other = np.divmod(near, len(others))
        by, other = picks[by], others[other]
        return near, other, decay(candidates[:, other], candidates[:, by])

    while len(left := np.flatnonzero(scores >= floor)):
        left = left[np.argsort(-scores[left], kind='stable')]
        block, others = np.sort(left[:BLOCK_SIZE + 1]), left[BLOCK_SIZE:]
        near, _, factor = overlaps(block, block)
        factors = np.ones((len(block), len(block)), scores.dtype)
        factors.put(near, factor)
        # the best of the others ends the block when its turn comes
        last = block.searchsorted(others[:1]).tolist()
        factors[:, last] = 1
        current, picks = scores[block], []
        while ((score := current[place := current.argmax()]) >= floor
               and place not in last):
            factors[:, place] = 1  # -inf stays what it is
            current[place] = -np.inf
            current *= factors[place]
            picks.append(block[place])
            num_picked[group := groups[block[place]]] += 1
            if num_picked[group] <= max_num:
                picked.append(block[place])
                best.append(score)
                if len(best) == max_num:
                    floor = score
        scores[block] = current
        _, other, factor = overlaps(np.array(picks), others)
        np.multiply.at(scores, other, factor)
    # the first of a group is picked however low its score is
    rest = first[num_picked == 0]
    return (np.append(np.array(picked, int), rest),
            np.append(np.array(best, scores.dtype), candidates[3, rest]))


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
