"""The rounds of soft-NMS, in all groups at once.

One round takes the best candidate of every group (class), so that a video
costs as many rounds as its busiest class has detections. As scores only fall,
a candidate need not enter before the picks have come down to its score, and
most have not entered when the best ``max_num`` are decided.
"""
from typing import Iterator, Sequence, Tuple

import torch
from torch import Tensor

# fewest candidates that enter first; every later time twice as many enter
FIRST_ENTRANTS = 2000
# rounds between two clearings of candidates that can no longer be output
ROUNDS_PER_CLEARING = 24
# places in a table that are not worth a second one
SMALL_TABLE = 2**14
# most (pick, candidate) pairs compared at once, few enough for the cache
MAX_PAIRS = 2**16


class Decay:
    """What picks leave of the scores of their group.

    Args:
        method (str): As in :func:`soft_nms`.
        sigma (float): As in :func:`soft_nms`.
        iou_threshold (float): As in :func:`soft_nms`.
        like (Tensor): Of the kind of the candidates.

    Raises:
        ValueError: If ``sigma`` is not positive as a number of that kind.
    """

    def __init__(self, method: str, sigma: float, iou_threshold: float,
                 like: Tensor) -> None:
        self.method, self.iou_threshold = method, iou_threshold
        # an operation with a tensor starts faster than one with a float
        self.scale = like.new_tensor([-sigma])
        # what is 0 as such a number would divide 0 by 0
        if not torch.tensor(sigma, dtype=like.dtype) > 0:
            raise ValueError(f'sigma must be positive as {like.dtype}, but '
                             f'got {sigma}')

    def __call__(self, candidates: Sequence[Tensor],
                 picks: Sequence[Tensor]) -> Tensor:
        """Factors for the scores of candidates.

        Args:
            candidates (Sequence[Tensor]): Lengths, ends and -starts,
                (G, M) each.
            picks (Sequence[Tensor]): The same of picks, (..., G, 1) each.

        Returns:
            Tensor: Factors, (..., G, M).
        """
        inter = torch.minimum(candidates[1], picks[1])
        inter.add_(torch.minimum(candidates[2], picks[2])).relu_()
        iou = inter.div_((candidates[0] + picks[0]).sub_(inter))
        if self.method == 'gaussian':
            return iou.square_().div_(self.scale).exp_()
        if self.method == 'linear':
            return torch.where(iou >= self.iou_threshold, 1 - iou, 1.)
        return (iou < self.iou_threshold).to(iou)


class Rounds:
    """Candidates, best first, and what has been picked of them.

    A candidate is the numbers (length, end, -start, score). Once it has
    entered, its score is up to date with all picks of its group. Rounds are
    played on tables with a row per group, best first. A row ends with a blank
    that scores as much as the best candidate still waiting: the group picks
    it for want of anything as good. Blanks, like what has been picked, are
    -inf in every number and overlap nothing.

    Args:
        candidates (Tensor): Best first, changed in place, (4, N).
        groups (Tensor): Group of each candidate, any integers, (N, ).
        decay (Decay): What picks leave of scores.
        min_score (float): Least score of a pick, the first of a group aside.
        max_num (int): Most picks of a group, and in all.
    """

    def __init__(self, candidates: Tensor, groups: Tensor, decay: Decay,
                 min_score: float, max_num: int) -> None:
        self.candidates, self.decay, self.max_num = candidates, decay, max_num
        self.scores = candidates[3]  # fall as rounds are played
        self.floor = max(min_score, 0.)  # least score that can be output
        names, self.groups = groups.unique(return_inverse=True)
        self.num_groups = len(names)
        indices = torch.arange(len(groups), device=groups.device)
        # the first of a group is picked however low its score is
        first = torch.full_like(names, len(groups))
        first.scatter_reduce_(0, self.groups, indices, 'amin')
        self.picked, self.picked_scores = first, self.scores[first]  # (P, )
        waits = self.scores >= self.floor
        waits[first] = False
        self.waiting = indices[waits]
        self.entered = indices[:0]  # sorted by group

    def run(self) -> Tuple[Tensor, Tensor]:
        """Pick until the best ``max_num`` are decided.

        Returns:
            tuple: Indices and scores of the picks, (D, ) each.
        """
        num = max(FIRST_ENTRANTS, 2 * self.max_num)
        while self._best_waiting() >= self.floor:
            self._admit(num)
            while self._play():
                pass
            num *= 2
        groups, order = self.groups[self.picked].sort(stable=True)
        order = order[_columns(groups) < self.max_num]
        return self.picked[order], self.picked_scores[order]

    def _best_waiting(self) -> float:
        """Best score of the candidates that wait."""
        if not len(self.waiting):
            return float('-inf')
        return float(self.scores[self.waiting[0]])

    def _admit(self, num: int) -> None:
        """Let the best candidates enter, decayed by all picks so far."""
        indices, self.waiting = self.waiting.tensor_split([num])
        history = self._history()
        for members, place, table in self._tables(self._by_group(indices)):
            *fields, scores = table.unbind()
            past = history[:, :, self.groups[members[place[1] == 0]]]
            past = past[:, (past[2] > float('-inf')).any(1)[:, 0]]
            for picks in past.split(max(MAX_PAIRS // scores.numel(), 1), 1):
                for factor in self.decay(fields, picks):
                    scores.mul_(factor)
            self.scores[members] = scores[place]
        # who entered earlier is better, which sorting by group respects
        self.entered = self._by_group(torch.cat((self.entered, indices)))

    def _by_group(self, indices: Tensor) -> Tensor:
        """Indices sorted by group, otherwise in their order."""
        return indices[self.groups[indices].sort(stable=True).indices]

    def _history(self) -> Tensor:
        """Picks of every group in their order, then blanks, (4, P, G, 1)."""
        picked = self._by_group(self.picked)
        rows = self.groups[picked]
        columns = _columns(rows)
        history = self.candidates.new_full(
            (4, int(columns.max()) + 1, self.num_groups, 1), float('-inf'))
        history[:, columns, rows, 0] = self.candidates[:, picked]
        return history

    def _play(self) -> bool:
        """Play some rounds; whether there was anything to pick."""
        bound = max(self._best_waiting(), self.floor)
        scores = self.scores[self.entered]
        alive = scores >= self.floor
        self.entered, scores = self.entered[alive], scores[alive]
        groups = self.groups[self.entered]
        plays = groups.new_zeros(self.num_groups, dtype=torch.bool)
        plays[groups[scores >= bound]] = True
        indices = self.entered[plays[groups]]
        for members, place, table in self._tables(indices):
            self._pick(members, place, table, bound)
        return len(indices) > 0

    def _tables(
        self, indices: Tensor
    ) -> Iterator[Tuple[Tensor, Tuple[Tensor, Tensor], Tensor]]:
        """Lay out candidates, a row per group.

        Args:
            indices (Tensor): Indices sorted by group, (M, ).

        Yields:
            tuple: Indices (M', ), their rows and columns, (M', ) each, and
            the table (4, G', W + 1). Groups far smaller than the largest one
            get tables of their own, as rows are padded to the longest.
        """
        while len(indices):
            rows, sizes = self.groups[indices].unique_consecutive(
                return_inverse=True, return_counts=True)[1:]
            longest = int(sizes.max())
            members, indices = indices, indices[:0]
            if longest * len(sizes) > SMALL_TABLE:
                is_long = (4 * sizes > longest)[rows]
                members, indices = members[is_long], members[~is_long]
                rows = rows[is_long].unique_consecutive(return_inverse=True)[1]
            columns = _columns(rows)
            table = self.candidates.new_full(
                (4, int(rows[-1]) + 1, longest + 1), float('-inf'))
            table[:, rows, columns] = self.candidates[:, members]
            yield members, (rows, columns), table

    def _pick(self, members: Tensor, place: Tuple[Tensor, Tensor],
              table: Tensor, bound: float) -> None:
        """Play rounds with a table, as long as picks reach ``bound``."""
        *fields, scores = table.unbind()
        blanks = scores[:, -1:]
        best, columns = [], []
        for _ in range(ROUNDS_PER_CLEARING):
            blanks.fill_(bound)
            # the first of equal ones, hence a candidate before the blank
            column = scores.argmax(1, keepdim=True)  # (G, 1)
            index = column.expand(4, -1, -1)
            *pick, score = table.gather(2, index).unbind()  # (G, 1) each
            table.scatter_(2, index, float('-inf'))
            scores.mul_(self.decay(fields, pick))
            best.append(score)
            columns.append(column)
        self.scores[members] = scores[place]
        best, columns = torch.cat(best, 1), torch.cat(columns, 1)  # (G, R)
        indices = torch.zeros_like(scores, dtype=torch.long)
        indices[place] = members
        picked = indices.gather(1, columns)  # (G, R)
        is_pick = columns < scores.size(1) - 1
        self.picked = torch.cat((self.picked, picked[is_pick]))
        self.picked_scores = torch.cat((self.picked_scores, best[is_pick]))
        if len(self.picked) >= self.max_num:
            worst = self.picked_scores.topk(self.max_num).values[-1]
            self.floor = max(self.floor, float(worst))


def _columns(rows: Tensor) -> Tensor:
    """Count 0, 1, ... within each row of ascending rows 0, 1, ..., (N, )."""
    sizes = rows.bincount()
    first = sizes.cumsum(0) - sizes
    return torch.arange(len(rows), device=rows.device) - first[rows]
