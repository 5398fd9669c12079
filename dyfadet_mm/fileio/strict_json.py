"""JSON of users: read without losing what is written twice."""
import json
from typing import Any, List, Optional, Tuple, Union


def load_json_strict(content: Union[bytes, str], what: str) -> Any:
    """Read JSON that has every key once; Python keeps the last one silently.

    Args:
        content (bytes | str): UTF-8, UTF-16 or UTF-32, with a byte order
            mark or without.
        what (str): Kind and path of the file, at the start of a message.

    Returns:
        Any: Its content.

    Raises:
        ValueError: If it is not JSON, or has a key twice in one object.
    """
    repeated: List[Tuple[dict, str]] = []

    def merge(pairs: List[Tuple[str, Any]]) -> dict:
        """Make an object, and note the first key that it has twice."""
        merged = dict(pairs)
        if len(merged) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            repeated.append((merged, twice))
        return merged

    if isinstance(content, str):
        content = content.encode('utf-8', 'surrogatepass')
    try:
        data = json.loads(content, object_pairs_hook=merge)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{what} must be JSON, but got: {error}') from error
    if repeated:
        # the outermost object with such a key was completed last
        holder, key = repeated[-1]
        path = _path_to(data, holder) or 'the top level'
        raise ValueError(f'{what} must have every key once, but has {key!r} '
                         f'more than once in {path}; rename or remove one')
    return data


def _path_to(node: Any, target: dict) -> Optional[str]:
    """Keys and positions that lead to an object, such as ``'database'``."""
    if isinstance(node, dict):
        children = node.items()
    else:
        children = enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        if child is target:
            return repr(key)
        below = _path_to(child, target)
        if below:
            return f'{key!r} > {below}'
    return None
