"""The error of the converters, and values in its text."""
import reprlib
from typing import Any

MAX_LENGTH = 1500


class ConversionError(ValueError, KeyError):
    """Something of another code cannot be converted.

    It is also what is raised for a wrong value and for a missing key, for
    those who catch these. Its text is one line, however long the values are
    that it names.

    Args:
        text (str): What must hold, and what was found.
    """

    def __init__(self, text: str) -> None:
        text = ' '.join(text.splitlines())
        if len(text) > MAX_LENGTH:
            text = f'{text[:MAX_LENGTH]} ...'
        super().__init__(text)

    def __str__(self) -> str:
        return self.args[0]  # KeyError would quote it


class _Short(reprlib.Repr):
    """Writes of nested lists, and of objects, only the beginning."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxlist = self.maxtuple = self.maxdict = 12
        self.maxstring = 80

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write larger ones
        if x.bit_length() > 64:
            return f'a number of {x.bit_length()} bits'
        return repr(x)

    def repr_instance(self, x: Any, level: int) -> str:
        if isinstance(x, (bool, float, type(None))):
            return repr(x)
        return f'a {type(x).__name__}'


def show(value: Any) -> str:
    """Write a value into an error.

    Args:
        value (Any): Anything that a file may hold.

    Returns:
        str: As :func:`repr`, without what is long or deep in it.
    """
    return _Short().repr(value)
