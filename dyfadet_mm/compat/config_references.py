"""Lets a config say that a value is that of one of its variables.

``lr='${lr}'`` in a config stands for its variable ``lr``, whichever file of
the chain or command line option sets it last, ``'${data_root}scores.json'``
for a text with it inside, and ``'${train_dataloader.dataset}'`` for a nested
value. A place that is set itself is a reference no longer, so that the more
specific statement wins. References become values when a ``Config`` is made,
and again when options are merged or a variable is assigned: whoever reads the
config, and the file that a run saves, sees values. Text of this form that
names no variable of its config is left as it is.

Upstream: no issue. A child of a MMEngine config that changes a variable of
its base does not reach the places that were written with it.
Delete when: MMEngine's configs have references.
"""
import copy
import functools
import re
from typing import (Any, Callable, Dict, Iterable, Iterator, NamedTuple,
                    Optional, Tuple)

from mmengine.config import Config, ConfigDict

Path = Tuple[Any, ...]
_REFERENCE = re.compile(r'\$\{([A-Za-z_]\w*(?:\.\w+)*)\}')


class Reference(NamedTuple):
    """What a place of a config is written with, and its value."""
    text: str
    value: Any


def unneeded() -> Optional[str]:
    """Why there is nothing to mend, or None if there is."""
    if hasattr(Config.merge_from_dict, 'resolves_references'):
        return 'references are known already'
    return None


def apply() -> None:
    """Resolve the references of every config that has some."""
    for method in ('__init__', '__setattr__', '__setitem__'):
        setattr(Config, method, _resolve_after(getattr(Config, method)))
    Config.merge_from_dict = _merge_first(Config.merge_from_dict)
    Config.merge_from_dict.resolves_references = True


def references(cfg: Config) -> Dict[str, str]:
    """Places of a config that follow one of its variables.

    Args:
        cfg (Config): A config.

    Returns:
        dict[str, str]: Text, such as ``'${lr}'``, by dotted place.
    """
    found = [(path, each.text) for path, each in _followed(cfg)]
    found += _find(_root(cfg), ())
    return {'.'.join(map(str, path)): text for path, text in found}


def names_in(text: str) -> Tuple[str, ...]:
    """The variables that a text refers to, without what is nested in them."""
    return tuple(each.split('.')[0] for each in _REFERENCE.findall(text))


def _resolve_after(method: Callable) -> Callable:
    """A method of Config that leaves no reference unresolved."""

    @functools.wraps(method)
    def wrapper(self, *args, **kwargs):
        _restore(self, ())
        method(self, *args, **kwargs)
        _resolve(self)

    return wrapper


def _merge_first(method: Callable) -> Callable:
    """``Config.merge_from_dict``; what an option names is its own."""

    @functools.wraps(method)
    def wrapper(self, options: dict, *args, **kwargs) -> None:
        # options for parts of a value that comes from a variable come last
        parts = {
            key: place
            for key in options
            for place in self.__dict__.get('_references', ())
            if key.startswith('.'.join(map(str, place)) + '.')
        }
        others = {k: v for k, v in options.items() if k not in parts}
        _restore(self, ())
        method(self, others, *args, **kwargs)
        _resolve(self)
        if parts:
            _restore(self, parts.values())
            method(self, {k: options[k] for k in parts}, *args, **kwargs)
            _resolve(self)

    return wrapper


def _root(cfg: Config) -> Optional[ConfigDict]:
    """The content of a config, None while it is being made."""
    return cfg.__dict__.get('_cfg_dict')


def _followed(cfg: Config) -> Iterator[Tuple[Path, Reference]]:
    """References whose places still have their values."""
    for path, reference in cfg.__dict__.get('_references', {}).items():
        try:
            follows = _lookup(_root(cfg), path) == reference.value
        except (KeyError, IndexError, TypeError, ValueError):
            continue  # a part of the config that is gone
        if follows:
            yield path, reference


def _restore(cfg: Config, but: Iterable[Path]) -> None:
    """Write references back to the places that still have their values."""
    for path, reference in _followed(cfg):
        if path not in but:
            _assign(_lookup(_root(cfg), path[:-1]), path[-1], reference.text)


def _resolve(cfg: Config) -> None:
    """Replace every reference by its value, and remember it."""
    root, found = _root(cfg), {}
    for path, text in list(_find(root, ())):
        value = _value(root, text, ())
        if value != text:
            found[path] = Reference(text, value)
    for path, reference in found.items():
        node = _lookup(root, path[:-1])
        _assign(node, path[-1], copy.deepcopy(reference.value))
    if found or '_references' in cfg.__dict__:
        object.__setattr__(cfg, '_references', found)


def _find(node: Any, path: Path) -> Iterator[Tuple[Path, str]]:
    """Texts with references, by place."""
    if isinstance(node, str):
        if _REFERENCE.search(node):
            yield path, node
    elif isinstance(node, dict):
        for key, value in dict.items(node):
            yield from _find(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _find(value, (*path, index))


def _value(root: ConfigDict, value: Any, seen: Tuple[str, ...]) -> Any:
    """A value without references.

    Raises:
        ValueError: If a variable refers to itself.
    """
    if isinstance(value, dict):
        return type(value)({
            key: _value(root, each, seen)
            for key, each in dict.items(value)
        })
    if isinstance(value, (list, tuple)):
        return type(value)(_value(root, each, seen) for each in value)
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole:
        return _variable(root, whole[1], value, seen)
    return _REFERENCE.sub(
        lambda found: str(_variable(root, found[1], found[0], seen)), value)


def _variable(root: ConfigDict, name: str, text: str, seen: Tuple[str,
                                                                  ...]) -> Any:
    """Value of a variable, ``text`` if there is none of this name."""
    if name in seen:
        raise ValueError(f'the variable {name!r} of a config must not refer '
                         f'to itself, but got {" -> ".join((*seen, name))}')
    first, *others = name.split('.')
    if not dict.__contains__(root, first):
        return text
    try:
        value = _lookup(root, (first, *others))
    except (KeyError, IndexError, TypeError, ValueError):
        return None  # nested in a part that is left out, as by None
    return _value(root, value, (*seen, name))


def _lookup(node: Any, path: Path) -> Any:
    """A nested value, without building MMEngine's lazy objects."""
    for key in path:
        node = (
            dict.__getitem__(node, key)
            if isinstance(node, dict) else node[int(key)])
    return node


def _assign(node: Any, key: Any, value: Any) -> None:
    """Set an item of a dict or list, as MMEngine keeps it."""
    if isinstance(node, dict):
        dict.__setitem__(node, key, ConfigDict._hook(value))
    else:
        node[key] = ConfigDict._hook(value)
