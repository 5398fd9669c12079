"""Wrong inputs, made from right ones with a seeded generator."""
import copy
import math
import random
from typing import Any, Iterator, List, Tuple

#: What nobody expects in the place of a name, a number or a list.
HOSTILE: Tuple[Any,
               ...] = (None, True, False, 0, -1, 1, 2**31, -2**63, 2**64,
                       10**400, 0.5, -0.0, 1e308, -1e308, 5e-324, math.nan,
                       math.inf, -math.inf, '', ' ', '12', '1e5', 'nan', '\0',
                       '\n', 'é', '動作', '\u202e', '\ud800', 'x' * 300, '../x',
                       '/etc/passwd', 'a/../../x', '~/x', 'C:\\x',
                       'file:///etc/passwd', 'http://127.0.0.1:9/x',
                       's3://bucket/x', '__class__', '{0.__class__}', '%s%n',
                       '$\\frac$', [], {}, [None], [[]], [1], [1, 2, 3],
                       [2, 1], ['1', '2'], [math.nan, 1.], {
                           'a': 1
                       }, {
                           '': {}
                       })


def mutate_value(rng: random.Random, value: Any, times: int = 1) -> Any:
    """Change a tree of dicts, lists and scalars in some places.

    Args:
        rng (random.Random): Decides what is changed, and how.
        value (Any): The tree; it is left as it is.
        times (int): Number of changes.

    Returns:
        Any: A changed copy.
    """
    root = [copy.deepcopy(value)]
    for _ in range(times):
        holder, key = rng.choice(list(_places(root)))
        _mutate_place(rng, holder, key)
        if not root:  # the whole was removed
            root = [copy.deepcopy(rng.choice(HOSTILE))]
    return root[0]


def mutate_bytes(rng: random.Random, content: bytes, times: int = 1) -> bytes:
    """Damage a file in some places.

    Args:
        rng (random.Random): Decides what is changed, and how.
        content (bytes): The file.
        times (int): Number of changes.

    Returns:
        bytes: The damaged file.
    """
    for _ in range(times):
        content = _damage(rng, bytearray(content))
    return bytes(content)


def _places(root: Any) -> Iterator[Tuple[Any, Any]]:
    """Every container with every key or position in it."""
    stack: List[Any] = [root]
    while stack:
        holder = stack.pop()
        keys = holder if isinstance(holder, dict) else range(len(holder))
        for key in list(keys):
            yield holder, key
            if isinstance(holder[key], (dict, list)):
                stack.append(holder[key])


def _mutate_place(rng: random.Random, holder: Any, key: Any) -> None:
    """Replace, remove, double, rename or wrap what lies at a key."""
    kind = rng.randrange(6)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        holder[key] = [holder[key]]
    elif kind == 2 and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    elif kind == 3 and isinstance(holder, dict):
        names = [each for each in HOSTILE if isinstance(each, str)]
        holder[rng.choice(names)] = holder.pop(key)
    else:
        holder[key] = copy.deepcopy(rng.choice(HOSTILE))


def _damage(rng: random.Random, content: bytearray) -> bytearray:
    """Flip, cut, insert, double or erase bytes."""
    kind = rng.randrange(6)
    where = rng.randrange(len(content)) if content else 0
    length = min(rng.choice((1, 2, 8, 64, 1024)), len(content) - where)
    if kind == 0 and content:
        content[where] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del content[where:]
    elif kind == 2:
        content[where:where] = bytes(
            rng.randrange(256) for _ in range(max(length, 1)))
    elif kind == 3:
        content[where:where] = content[where:where + length]
    elif kind == 4:
        content[where:where + length] = bytes(length)
    else:
        del content[where:where + length]
    return content
