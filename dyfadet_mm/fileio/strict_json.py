"""JSON of users: read without losing what is written twice."""
import json
import re
from collections import Counter
from typing import Any, Iterator, List, Optional, Tuple, Union

from .messages import brief, cut

# digits of a whole number that any float can hold
MAX_DIGITS = 308
# how a pickle begins, unless it is of Python 2
PICKLE = b'\x80'
_HALF = re.compile('[\ud800-\udfff]')


def load_json_strict(content: Union[bytes, str],
                     what: str,
                     repeated: Optional[List[str]] = None) -> Any:
    """Read JSON that has every key once; Python keeps the last one silently.

    Args:
        content (bytes | str): UTF-8, UTF-16 or UTF-32, with a byte order
            mark or without.
        what (str): Kind and path of the file, at the start of a message.
        repeated (list[str], optional): Receives the keys that an object has
            twice. Defaults to None, which refuses them.

    Returns:
        Any: Its content.

    Raises:
        ValueError: If it is not JSON, has a key twice in one object, half a
            character, or a whole number beyond the largest float.
    """
    found: List[Tuple[dict, List[str]]] = []

    def merge(pairs: List[Tuple[str, Any]]) -> dict:
        """Make an object, and note the keys that it has twice."""
        merged = dict(pairs)
        if len(merged) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            found.append((merged, [k for k, n in counts.items() if n > 1]))
        return merged

    try:
        if isinstance(content, str):
            content = content.encode()
        if content.startswith(PICKLE):
            raise ValueError('a pickle, which could run code and is not read; '
                             'save what it holds as JSON')
        text = content.decode(json.detect_encoding(content))
        data = json.loads(text, object_pairs_hook=merge, parse_int=_to_integer)
    except RecursionError as error:
        raise ValueError(f'{what} must be JSON of a few levels, but is nested '
                         'too deeply') from error
    except ValueError as error:
        raise ValueError(f'{what} must be JSON, but got: {error}') from error
    if repeated is not None:
        repeated += [key for _, keys in found for key in keys]
    elif found:
        # the outermost object with such a key was completed last
        holder, keys = found[-1]
        where = next(where for where, node in _walk(data) if node is holder)
        raise ValueError(f'{what} must have every key once, but has '
                         f'{brief(keys[0])} more than once in {_spell(where)}'
                         '; rename or remove one')
    if '\\ud' in text or '\\uD' in text:  # how JSON spells half of one
        _check_characters(data, what)
    return data


def _to_integer(text: str) -> int:
    """Convert a whole number, unless nothing can be calculated with it."""
    if len(text) > MAX_DIGITS:
        raise ValueError(f'a number of {len(text)} digits, {brief(text)}')
    return int(text)


def _check_characters(data: Any, what: str) -> None:
    """Refuse halves of characters, which can be written nowhere."""
    for where, node in _walk(data):
        for each in node if isinstance(node, dict) else [node]:
            if isinstance(each, str) and _HALF.search(each):
                raise ValueError(
                    f'{what} must have whole characters, but has '
                    f'{brief(each)} in {_spell(where)}; write the text anew')


def _walk(data: Any) -> Iterator[Tuple[tuple, Any]]:
    """Every value, and where it is: the place of its holder, and its key."""
    stack: List[Tuple[tuple, Any]] = [((), data)]
    while stack:
        where, node = stack.pop()
        yield where, node
        if isinstance(node, dict):
            stack += [((where, key), child) for key, child in node.items()]
        elif isinstance(node, list):
            stack += [((where, i), child) for i, child in enumerate(node)]


def _spell(where: tuple) -> str:
    """Keys and positions that lead to a value, such as ``'database'``."""
    keys = []
    while where:
        where, key = where
        keys.append(brief(key))
    return cut(' > '.join(keys[::-1]), 400) or 'the top level'
