from typing import Dict, List, NamedTuple, Tuple

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import SampleList


class Run(NamedTuple):
    """Neighbouring cells of a video that belong to the same classes.

    Attributes:
        labels (tuple[int]): The classes, none in the background.
        start (int): First cell.
        end (int): Cell after the last.
    """
    labels: Tuple[int, ...]
    start: int
    end: int


@MODELS.register_module()
class SwapActions(nn.Module):
    """Replace actions by others of the same class, of any video of the batch.

    So are the runs of background between them: a network cannot know a video
    by heart, as its parts keep their classes and their places, but neither
    their neighbours nor their cells. A longer run gives as many of its cells
    in a row as needed, a shorter one gives each of its cells several times.

    Args:
        prob (float): Of being replaced, for every run. A run may be replaced
            by itself. Defaults to 0.5.
        shuffle_prob (float): Of getting its cells in any order, for every
            run: where an action is known by its cells, whatever comes first.
            Defaults to 0.

    Raises:
        ValueError: If a probability is not in [0, 1].
    """

    def __init__(self, prob: float = 0.5, shuffle_prob: float = 0.) -> None:
        super().__init__()
        for name, value in (('prob', prob), ('shuffle_prob', shuffle_prob)):
            if not 0 <= value <= 1:
                raise ValueError(f'{name} must be in [0, 1], but got {value}')
        self.prob, self.shuffle_prob = prob, shuffle_prob

    def forward(self, inputs: List[Tensor],
                data_samples: SampleList) -> Tuple[List[Tensor], SampleList]:
        """Swap runs of the videos of a batch.

        Args:
            inputs (list[Tensor]): Features (C, T) or frames (3, T, k, H, W)
                of every video, without padding, which stay as they are.
            data_samples (Sequence[BaseDataElement]): With ``gt_instances``:
                ``grid_segments`` (N, 2) on the feature grid and ``labels``
                (N,).

        Returns:
            tuple: New inputs of the same shapes, and the same data samples.
        """
        runs = [
            find_runs(sample, video.size(1))
            for video, sample in zip(inputs, data_samples)
        ]
        pool: Dict[Tuple[int, ...], List[Tensor]] = {}
        for video, parts in zip(inputs, runs):
            for run in parts:
                pool.setdefault(run.labels,
                                []).append(video[:, run.start:run.end])
        outputs = []
        for video, parts in zip(inputs, runs):
            video = video.clone()
            for run in parts:
                cells = video[:, run.start:run.end]  # a view
                if torch.rand(()) < self.prob:
                    same = pool[run.labels]
                    source = same[torch.randint(len(same), ())]
                    cells.copy_(resize_run(source, cells.size(1)))
                if torch.rand(()) < self.shuffle_prob:
                    cells.copy_(cells[:, torch.randperm(cells.size(1))])
            outputs.append(video)
        return outputs, data_samples


def find_runs(sample: BaseDataElement, num_cells: int) -> List[Run]:
    """The runs of a video, in order, which together are all its cells."""
    gt = sample.gt_instances
    cells = torch.arange(num_cells)
    inside = (
        (gt.grid_segments[:, :1] <= cells) & (cells <= gt.grid_segments[:, 1:])
    )  # (N, T)
    classes, which = gt.labels.unique(return_inverse=True)
    has = torch.zeros(len(classes), num_cells, dtype=torch.long)
    has.index_add_(0, which, inside.long())
    has = has > 0  # (classes, T)
    changes = (has[:, 1:] != has[:, :-1]).any(0).nonzero()[:, 0] + 1
    edges = [0, *changes.tolist(), num_cells]
    return [
        Run(tuple(classes[has[:, start]].tolist()), start, end)
        for start, end in zip(edges, edges[1:])
    ]


def resize_run(source: Tensor, length: int) -> Tensor:
    """So many cells of a run, (C, M, ...) to (C, ``length``, ...)."""
    num_cells = source.size(1)
    if num_cells >= length:
        first = int(torch.randint(num_cells - length + 1, ()))
        return source[:, first:first + length]
    return source[:, torch.arange(length) * num_cells // length]
