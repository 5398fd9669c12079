from typing import List

from torch.utils.data import Dataset


def unwrap_datasets(dataset: Dataset) -> List[Dataset]:
    """Find the datasets inside MMEngine's dataset wrappers.

    Args:
        dataset (Dataset): A dataset, or nested wrappers such as
            ``ConcatDataset``, ``RepeatDataset`` or ``ClassBalancedDataset``.

    Returns:
        list[Dataset]: The innermost datasets, in order.
    """
    if hasattr(dataset, 'datasets'):
        inner = list(dataset.datasets)
    elif hasattr(dataset, 'dataset'):
        inner = [dataset.dataset]
    else:
        return [dataset]
    return [found for child in inner for found in unwrap_datasets(child)]
