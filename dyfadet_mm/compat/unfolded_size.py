"""How large is what a pickle describes, if every reference is followed?"""
import pickle
from typing import Any, Dict, List, Optional, Tuple

#: What a small file may unfold to, in bytes, and a large one relative to it.
MAX_BYTES, MAX_RATIO = 2**27, 10
#: Levels of nested lists and dicts.
MAX_LEVELS = 100
MAX_BITS = 1024  # of an integer; the state of a random generator has 128
_CONTAINERS = (list, tuple, dict, set, frozenset)
# calls whose objects may not hold themselves; a module, for one, may
_PLAIN = ('collections.OrderedDict', 'collections.Counter', 'builtins.set')


class InspectionError(pickle.UnpicklingError):
    """A pickle describes what must not be built; the message says what."""


def check_unfolded_size(value: Any, num_bytes: int) -> None:
    """Check that whoever follows all references comes to an end.

    Thirty lists of two references to the one before are a file of 200 bytes
    and a billion items. Every container is looked at once here.

    Args:
        value (Any): Nested containers. One may have ``args``, a ``state`` and
            ``num_bytes`` besides its items.
        num_bytes (int): Bytes of the file that describes it.

    Raises:
        InspectionError: If it is much larger than the file, nested too
            deeply, holds itself, or holds an integer of thousands of digits.
    """
    limit = MAX_BYTES + MAX_RATIO * num_bytes
    # bytes and levels of the containers, None inside of them
    known: Dict[int, Optional[Tuple[int, int]]] = {}
    stack = [value]
    while stack:
        node = stack[-1]
        if not isinstance(node, _CONTAINERS) or known.get(id(node)):
            stack.pop()
        elif id(node) in known:
            known[id(node)] = _measure(node, known, limit)
            stack.pop()
        else:
            known[id(node)] = None
            stack += _unknown(node, known)


def _children(node: Any) -> List[Any]:
    """What a container holds."""
    if not isinstance(node, dict):
        return list(node)
    children = [*node, *node.values()]
    if hasattr(node, 'args'):
        children += [node.args, node.state]
    return children


def _unknown(node: Any, known: dict) -> List[Any]:
    """The containers inside of one that were not yet looked at."""
    found = []
    for child in _children(node):
        if not isinstance(child, _CONTAINERS):
            continue
        if id(child) not in known:
            found.append(child)
        elif known[id(child)] is None and getattr(child, 'name',
                                                  _PLAIN[0]) in _PLAIN:
            raise InspectionError('a container that holds itself')
    return found


def _measure(node: Any, known: dict, limit: int) -> Tuple[int, int]:
    """Bytes and levels of a container, whose containers are measured."""
    total, levels = 64 + getattr(node, 'num_bytes', 0), 0
    for child in _children(node):
        if isinstance(child, _CONTAINERS):
            size, depth = known[id(child)] or (0, 0)
            total, levels = total + size, max(levels, depth)
        elif isinstance(child, (str, bytes, bytearray)):
            total += len(child)
        elif isinstance(child, int) and child.bit_length() > MAX_BITS:
            raise InspectionError('an integer of more than '
                                  f'{MAX_BITS} bits')
        total += 8
    if total > limit:
        raise InspectionError('references that unfold to more than '
                              f'{limit} bytes')
    if levels >= MAX_LEVELS:
        raise InspectionError(f'more than {MAX_LEVELS} nested levels')
    return total, levels + 1
