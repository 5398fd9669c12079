"""Checks that several modules share."""
from typing import Sized


def check_num_levels(feats: Sized, num_levels: int, setting: str) -> None:
    """Check that a module was built for the pyramid it receives.

    Args:
        feats (Sized): Features of every level.
        num_levels (int): Levels that the module was built for.
        setting (str): What in the config decides that.

    Raises:
        ValueError: If the numbers differ.
    """
    if len(feats) != num_levels:
        raise ValueError(f'{setting} must fit the {len(feats)} levels of the '
                         f'pyramid, but got {num_levels}')
