"""Video ids that predictions and annotations spell differently.

A pattern such as ``'v_{}'`` stands for ids that begin with ``v_``; renaming
from one pattern to another keeps what stands at the braces.
"""
from collections import Counter
from typing import Any, Collection, Dict, Iterator, List, Optional, Tuple

from dyfadet_mm.fileio import brief, cut

HOLE = '{}'
# ids compared with all known ones to find a pattern
NUM_COMPARED = 20


def rename_videos(videos: Dict[str, Any], old: str,
                  new: str) -> Dict[str, Any]:
    """Change video ids from one pattern to another.

    Args:
        videos (dict): Anything by video id.
        old (str): Pattern with ``{}`` once. Other ids stay as they are.
        new (str): Pattern with ``{}`` once.

    Returns:
        dict: The same by the new ids, in the same order.

    Raises:
        ValueError: If a pattern has not one ``{}``, or two videos would have
            one id.
    """
    for pattern in (old, new):
        if pattern.count(HOLE) != 1:
            raise ValueError(
                'patterns of video ids must have {} once, as in v_{}, '
                f'but got {pattern!r}')
    return _rename(videos, {name: _renamed(name, old, new) for name in videos})


def match_case(videos: Dict[str, Any],
               known: Collection[str]) -> Dict[str, Any]:
    """Change upper and lower case of video ids to that of known ones.

    Args:
        videos (dict): Anything by video id.
        known (Collection[str]): Ids; those that differ only in case from one
            another are left alone.

    Returns:
        dict: The same by the known ids, in the same order.

    Raises:
        ValueError: If two videos would have one id.
    """
    spelled = _by_lower_case(known)
    return _rename(
        videos, {
            name: name if name in known else spelled.get(name.lower(), name)
            for name in videos
        })


def renaming_hint(unknown: Collection[str], known: Collection[str]) -> str:
    """Say which option of the tools would match unknown video ids.

    Args:
        unknown (Collection[str]): Ids that are not known.
        known (Collection[str]): Ids of the annotations.

    Returns:
        str: An end of an error message; empty if no single change of the ids
        matches half of them.
    """
    known = set(known)
    spelled = _by_lower_case(known)
    options = {'--ignore-case': [spelled.get(n.lower()) for n in unknown]}
    for old, new in _candidates(unknown, known):
        options[f"--rename-ids '{old}' '{new}'"] = [
            _renamed(name, old, new) for name in unknown
        ]
    counts = {
        option: len(known.intersection(names))
        for option, names in options.items()
    }
    best = max(counts, key=counts.get)
    if 2 * counts[best] < max(len(unknown), 1):
        return ''
    return f'; {cut(best, 300)} matches {counts[best]} of these {len(unknown)}'


def _candidates(unknown: Collection[str],
                known: Collection[str]) -> List[Tuple[str, str]]:
    """Pairs of patterns that match some of the first ids, the most first."""
    found = Counter()
    for name in list(unknown)[:NUM_COMPARED]:
        for other in known:
            found.update(_patterns(name, other))
    return [pair for pair, _ in found.most_common(NUM_COMPARED)]


def _patterns(name: str, other: str) -> Iterator[Tuple[str, str]]:
    """Patterns that lead from an id to one that is part of it, or has it."""
    if name and name in other:
        yield HOLE, other.replace(name, HOLE, 1)
    elif other and other in name:
        yield name.replace(other, HOLE, 1), HOLE


def _renamed(name: str, old: str, new: str) -> str:
    """One id, in another pattern if it has the old one."""
    begin, end = old.split(HOLE)
    if (not name.startswith(begin) or not name.endswith(end)
            or len(name) <= len(begin + end)):
        return name
    return new.replace(HOLE, name[len(begin):len(name) - len(end)])


def _by_lower_case(known: Collection[str]) -> Dict[str, Optional[str]]:
    """Known ids by their lower case, where that is of one only."""
    counts = Counter(name.lower() for name in known)
    return {n.lower(): n for n in known if counts[n.lower()] == 1}


def _rename(videos: Dict[str, Any], names: Dict[str, str]) -> Dict[str, Any]:
    """Give new ids, each to one video."""
    twice = [n for n, count in Counter(names.values()).items() if count > 1]
    if twice:
        raise ValueError(
            'renamed video ids must be different, but '
            f'{brief([k for k, new in names.items() if new == twice[0]])} '
            f'would all be {brief(twice[0])}')
    return {names[name]: video for name, video in videos.items()}
