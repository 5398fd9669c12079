"""Errors about files of users: one line of bounded length, file first."""
import reprlib
import sys
from contextlib import contextmanager
from typing import Any, Iterator, Type

# of a value, and of the rest of a message
MAX_VALUE, MAX_TEXT = 120, 1200

_repr = reprlib.Repr()
_repr.maxlevel, _repr.maxstring, _repr.maxother = 3, 80, 80
_repr.maxdict = _repr.maxlist = _repr.maxtuple = _repr.maxset = 5


class MissingFieldError(KeyError):
    """A file lacks a field, or a video; a KeyError that prints as text."""

    def __str__(self) -> str:
        return str(self.args[0])


def brief(value: Any) -> str:
    """Quote a value of a file, however long or deep it is.

    Args:
        value (Any): The value.

    Returns:
        str: Its :func:`repr`, cut to at most 120 characters.
    """
    return cut(_repr.repr(value), MAX_VALUE)


def cut(text: str, length: int = MAX_TEXT) -> str:
    """Leave out the middle of a text that is too long.

    Args:
        text (str): The text.
        length (int): Most characters. Defaults to 1200.

    Returns:
        str: The text, or its begin and its end.
    """
    if len(text) <= length:
        return text
    return f'{text[:2 * length // 3]}...{text[3 - length // 3:]}'


@contextmanager
def naming(source: str) -> Iterator[None]:
    """Put the file at fault in front of an error's message, if it lacks it.

    Args:
        source (str): Kind and path of the file.

    Raises:
        MissingFieldError, TypeError, ValueError: The one that the block
            raised, or for a KeyError the first.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        # a subclass may take other arguments
        kind = MissingFieldError if isinstance(error, KeyError) else (
            TypeError if isinstance(error, TypeError) else ValueError)
        text = error.args[0] if isinstance(error, KeyError) else error
        text = cut(str(text))
        if source not in text:
            text = f'{source}: {text}'
        raise kind(text) from error


@contextmanager
def user_errors(*more: Type[Exception]) -> Iterator[None]:
    """End the program in one line if the user can mend the error.

    Args:
        more (type[Exception]): Beside ``KeyError``, ``OSError``,
            ``TypeError`` and ``ValueError``.

    Raises:
        SystemExit: With kind and text of the error.
    """
    try:
        yield
    except (KeyError, OSError, TypeError, ValueError, *more) as error:
        text = error.args[0] if isinstance(error, KeyError) else error
        sys.exit(f'{type(error).__name__}: {text}')
