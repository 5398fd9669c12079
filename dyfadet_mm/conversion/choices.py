"""How the converters read the sections of a configuration."""
from typing import Any, Sequence

from mmengine.logging import print_log

from .errors import ConversionError, show
from .kinds import KINDS, SECTION


def section_of(name: str, given: Any) -> dict:
    """Check that something is a section.

    Args:
        name (str): Its name, for the error.
        given (dict, optional): What the configuration says.

    Returns:
        dict: The same; empty if the configuration says nothing.

    Raises:
        ConversionError: If it is something else, or has keys that are no
            texts.
    """
    SECTION.check(name, given)
    wrong = [key for key in given or () if not isinstance(key, str)]
    if wrong:
        raise ConversionError(
            f'the keys of {name} must be texts, but got {show(wrong)}')
    return given or {}


def read(section: str,
         given: Any,
         defaults: dict,
         required: Sequence[str] = ()) -> dict:
    """Read a section: check its values and fill in defaults.

    Args:
        section (str): Its name, for the error.
        given (dict, optional): What the configuration says.
        defaults (dict): Value of every key that may be missing.
        required (Sequence[str]): Further keys. Defaults to ().

    Returns:
        dict: The required keys and those of ``defaults``.

    Raises:
        ConversionError: If a required key is missing, or a value is not what
            :data:`KINDS` says of its key.
    """
    given = section_of(section, given)
    missing = [key for key in required if given.get(key) is None]
    if missing:
        raise ConversionError(f'{section} must have {missing[0]!r}, but has '
                              f'{show(sorted(given))}')
    values = {
        key: given.get(key, defaults.get(key))
        for key in (*required, *defaults)
    }
    for key in values.keys() & given.keys():
        KINDS[key].check(f'{section}.{key}', values[key])
    return values


def complete(
    section: str,
    given: Any,
    defaults: dict,
    inert: Sequence[str] = (),
    required: Sequence[str] = ()
) -> dict:
    """Read a section and warn of keys that nothing reads.

    Args:
        section (str): Its name, for the warning.
        given (dict, optional): What the configuration says.
        defaults (dict): Value of every key that may be missing.
        inert (Sequence[str]): Keys that need no warning. Defaults to ().
        required (Sequence[str]): Further keys. Defaults to ().

    Returns:
        dict: The required keys and those of ``defaults``.

    Raises:
        ConversionError: As in :func:`read`.
    """
    values = read(section, given, defaults, required)
    unread = sorted(set(given or ()) - set(values) - set(inert))
    if unread:
        print_log(
            f'{section} of the given configuration has keys that the code it '
            f'is from does not read, they are ignored: {show(unread)}',
            logger='current',
            level=30)
    return values


def check_choices(section: str, values: dict, **choices: Sequence) -> None:
    """Refuse what the code that a configuration is from cannot build.

    Args:
        section (str): Name of the section, for the error.
        values (dict): Its values.
        choices (Sequence): What a key may be.

    Raises:
        ConversionError: If a key is something else.
    """
    for key, allowed in choices.items():
        if values.get(key) not in allowed:
            raise ConversionError(f'{section}.{key} must be one of {allowed}, '
                                  f'but got {show(values.get(key))}')
