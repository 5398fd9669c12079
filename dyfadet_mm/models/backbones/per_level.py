from typing import Any, List, Sequence


def per_level(name: str, value: Any, arch: Sequence[int]) -> List[Any]:
    """An argument that may differ between the levels.

    Args:
        name (str): Its name, for the error.
        value (Any): One value for all levels, or a sequence of them.
        arch (Sequence[int]): Number of embedding convolutions, of stem
            layers, of branch layers.

    Returns:
        list: That of the stem, then that of each layer of the branch.

    Raises:
        ValueError: If there is not one for each level.
    """
    num_levels = arch[-1] + 1
    if not isinstance(value, (list, tuple)):
        return [value] * num_levels
    if len(value) != num_levels:
        raise ValueError(
            f'{name} must be one value or {num_levels} of them, one for the '
            f'stem and one for each of the {arch[-1]} branch layers of arch, '
            f'but got {list(value)}')
    return list(value)
