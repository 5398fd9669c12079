"""What the files beside features say of their grid, for a data set."""
from typing import Dict, Iterable, Optional, Sequence, Union

from mmengine.dataset import Compose

from dyfadet_mm.fileio import check_grid, grid_path, load_grid
from .transforms import LoadFeatures

Numbers = Dict[str, Optional[float]]


def complete_grid(given: Numbers, data_prefix: Dict[str, str],
                  subset: Union[str,
                                Sequence[str]], pipeline: Compose) -> Numbers:
    """Take from the files beside features what a data set does not set.

    Args:
        given (dict): ``fps``, ``feat_stride`` and ``feat_num_frames`` of the
            data set, None where it has none.
        data_prefix (dict[str, str]): Folder or file of every source.
        subset (str | Sequence[str]): Stands for ``{subset}`` in these.
        pipeline (Compose): Its steps know the channels they expect.

    Returns:
        dict: The same numbers, None where no file says one either.

    Raises:
        ValueError: If a file says another number. The error names both.
    """
    given = dict(given)
    dims = {step.source: step.feat_dim for step in _loaders(pipeline)}
    subsets = [subset] if isinstance(subset, str) else subset
    for source, folder in data_prefix.items():
        for name in dict.fromkeys(
                folder.replace('{subset}',
                               str(each).lower()) for each in subsets):
            facts = load_grid(name)
            if facts is None:
                continue
            check_grid(
                grid_path(name),
                facts,
                'the data set',
                feat_dim=dims.get(source),
                **given)
            for key, fact in dict(
                    fps='fps', feat_stride='stride',
                    feat_num_frames='window').items():
                if given[key] is None:
                    given[key] = facts[fact]
    return given


def _loaders(pipeline: Compose) -> Iterable[LoadFeatures]:
    """The steps of a pipeline that read features."""
    for step in pipeline.transforms:
        for loader in getattr(step, 'loaders', [step]):
            if isinstance(loader, LoadFeatures):
                yield loader
