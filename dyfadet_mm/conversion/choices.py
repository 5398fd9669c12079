"""What the converters of configurations check alike."""
from typing import Any, Optional, Sequence

from mmengine.logging import print_log


def complete(section: str,
             given: Optional[dict],
             defaults: dict,
             inert: Sequence[str] = ()) -> dict:
    """Fill in defaults and warn of keys that nothing reads.

    Args:
        section (str): Name of the section, for the warning.
        given (dict, optional): What the configuration says.
        defaults (dict): Value of every key that is read.
        inert (Sequence[str]): Keys that need no warning. Defaults to ().

    Returns:
        dict: The keys of ``defaults``.
    """
    given = given or {}
    unread = sorted(set(given) - set(defaults) - set(inert))
    if unread:
        print_log(
            f'{section} of the given configuration has keys that the code it '
            f'is from does not read, they are ignored: {unread}',
            logger='current',
            level=30)
    return {key: given.get(key, default) for key, default in defaults.items()}


def check_choices(section: str, values: dict, **choices: Sequence) -> None:
    """Refuse what the code that a configuration is from cannot build.

    Args:
        section (str): Name of the section, for the error.
        values (dict): Its values.
        choices (Sequence): What a key may be.

    Raises:
        ValueError: If a key is something else.
    """
    for key, allowed in choices.items():
        if values.get(key) not in allowed:
            raise ValueError(f'{section}.{key} must be one of {allowed}, '
                             f'but got {values.get(key)!r}')


def check_window(name: str, window: Any) -> None:
    """Refuse windows of the encoder that are not one odd number.

    Args:
        name (str): Its key, for the error.
        window (int): Kernel size of the branch layers.

    Raises:
        ValueError: If it is something else.
    """
    if not isinstance(window, int) or window < 1 or window % 2 == 0:
        raise ValueError(
            f'{name} must be one odd positive number, but got {window!r}')
