"""Classes of data sets, also inside wrappers such as ``RepeatDataset``."""
from typing import List, Optional, Sequence, Tuple

from torch.utils.data import Dataset

from dyfadet_mm.fileio import extend_classes
from dyfadet_mm.registry import DATASETS, FUNCTIONS
from .base_tad_dataset import TADDataset


def dataset_classes(cfg: dict) -> Optional[Tuple[str, ...]]:
    """Class names that the data set of a config will have.

    No features are read, and the annotation file only if it decides.

    Args:
        cfg (dict): Config of a :class:`TADDataset`, or of wrappers around
            it such as ``RepeatDataset``, ``ClassBalancedDataset`` and
            ``ConcatDataset``.

    Returns:
        tuple[str], optional: Names in label order, those of a class-agnostic
        data set too. Those of several data sets are the names of the first,
        and behind them what the next ones add. None if a data set is not a
        :class:`TADDataset`, or its classes are in an annotation file that
        does not exist.

    Raises:
        KeyError, TypeError, ValueError: As of :class:`TADDataset`.
    """
    return _joined_classes(_lazy_datasets(cfg))


def _joined_classes(datasets: List[object]) -> Optional[Tuple[str, ...]]:
    """Names of several data sets, None if one of them does not tell."""
    classes: Tuple[str, ...] = ()
    for dataset in datasets:
        try:
            if not isinstance(dataset, TADDataset):
                return None
            classes = extend_classes(classes, dataset.find_classes())
        except FileNotFoundError:
            return None
    return classes


@FUNCTIONS.register_module()
def num_detector_classes(cfg: dict) -> Optional[int]:
    """Classes that a detector for the data set of a config must have.

    Args:
        cfg (dict): As in :func:`dataset_classes`.

    Returns:
        int, optional: 1 for class-agnostic data sets, otherwise the number
        of names, None where they are unknown.

    Raises:
        KeyError, TypeError: As of :class:`TADDataset`.
        ValueError: As of :class:`TADDataset`, or if some of several data
            sets are class-agnostic and others are not.
    """
    datasets = _lazy_datasets(cfg)
    agnostic = {
        dataset.class_agnostic
        for dataset in datasets if isinstance(dataset, TADDataset)
    }
    if len(agnostic) > 1:
        raise ValueError('class_agnostic must be the same for all data sets '
                         'that are joined, but got True and False; set it '
                         'in each of them')
    if agnostic == {True}:
        return 1
    classes = _joined_classes(datasets)
    return None if classes is None else len(classes)


@FUNCTIONS.register_module()
def use_classes(dataset: Dataset, classes: Sequence[str]) -> Tuple[str, ...]:
    """Number the classes of all data sets inside wrappers alike.

    Args:
        dataset (Dataset): A :class:`TADDataset` or wrappers around some,
            whose ``metainfo`` follows. Other data sets stay as they are.
        classes (Sequence[str]): Names in label order.

    Returns:
        tuple[str]: ``classes``, and behind them what the data sets add.

    Raises:
        TypeError, ValueError: If ``classes`` are not different names.
    """
    if isinstance(dataset, TADDataset):
        dataset.use_classes(classes)
        return dataset.metainfo['classes']
    inner = getattr(dataset, 'datasets', None)
    if inner is None:
        inner = [dataset.dataset] if hasattr(dataset, 'dataset') else []
    for each in inner:
        classes = use_classes(each, classes)
    for each in inner[:-1]:  # now with what the later ones have added
        use_classes(each, classes)
    if inner and hasattr(dataset, '_metainfo'):
        dataset._metainfo['classes'] = tuple(classes)
    return tuple(classes)


def _lazy_datasets(cfg: dict) -> List[object]:
    """Build the data sets inside wrappers, without reading anything.

    A data set of another package comes back as its config: whether it can be
    built without reading is not known.
    """
    if 'datasets' in cfg:
        return [
            found for each in cfg['datasets'] for found in _lazy_datasets(each)
        ]
    if 'dataset' in cfg:
        return _lazy_datasets(cfg['dataset'])
    kind = cfg['type']
    kind = DATASETS.get(kind) if isinstance(kind, str) else kind
    if not (isinstance(kind, type) and issubclass(kind, TADDataset)):
        return [cfg]
    return [DATASETS.build(dict(cfg, lazy_init=True, pipeline=[]))]
