"""Reads yamls of published codes and configs of OpenTAD.

A yaml may come from anywhere: only null, booleans, numbers, texts, lists and
dicts are made, of a small file without what lets a few lines stand for
gigabytes. A config is code, and is run.
"""
import os.path as osp
from typing import Any

import yaml
from mmengine.config import Config

from dyfadet_mm.conversion import ConversionError, show

#: Bytes, values and levels of a file; published ones have 2,000, 150 and 5.
MAX_BYTES = 16_000
MAX_VALUES = 2_000
MAX_LEVELS = 20
#: What PyYAML raises, also for texts like ``!!int x`` or a number of 5,000
#: digits.
_ERRORS = (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError,
           ArithmeticError, RecursionError)
_TAG = 'tag:yaml.org,2002:'
_MADE = yaml.SafeLoader.yaml_constructors


class _Loader(yaml.SafeLoader):
    """Makes plain values, and loses none."""

    yaml_constructors = {
        **{
            _TAG + name: _MADE[_TAG + name]
            for name in ('null', 'bool', 'int', 'float', 'str', 'seq', 'map')
        },
        _TAG + 'timestamp': _MADE[_TAG + 'str'],  # a text like others
        None: _MADE[None],  # refuses
    }

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict:
        """Refuse keys that are no texts or repeated, and merges (<<)."""
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node)
            if not isinstance(key, str) or key in seen:
                raise yaml.YAMLError(
                    'every key must be a text that stands there once, but got '
                    f'{show(key)} in line {key_node.start_mark.line + 1}')
            seen.add(key)
        return super().construct_mapping(node, deep)


def load_reference(path: str) -> dict:
    """Read a yaml of a published code or a config of OpenTAD.

    Args:
        path (str): The yaml file, or OpenTAD's Python file, which is run as
            every config of OpenMMLab is: take one only from those whose code
            you would run.

    Returns:
        dict: Its content.

    Raises:
        FileNotFoundError: If there is no such file.
        ConversionError: If it cannot be read, or a section is missing.
    """
    if not osp.isfile(path):
        raise FileNotFoundError(f'there is no yaml or config at {path!r}')
    reference = _load_python(path) if path.endswith('.py') else _load_yaml(
        path)
    for section in ('dataset', 'model'):
        if not isinstance(reference, dict) or not isinstance(
                reference.get(section), dict):
            raise ConversionError(
                f'{path!r} must be a yaml of a published code or a config of '
                f'OpenTAD, with a section {section!r}')
    return reference


def _load_python(path: str) -> dict:
    """Run a config of OpenTAD."""
    try:
        return Config.fromfile(path).to_dict()
    except Exception as error:  # whatever the config raises
        raise ConversionError(f'{path!r} must be a config that runs, but '
                              f'{type(error).__name__}: {error}') from error


def _load_yaml(path: str) -> Any:
    """Read a yaml of plain values."""
    with open(path, 'rb') as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ConversionError(f'{path!r} must be a yaml of a published code, '
                              f'but has more than {MAX_BYTES} bytes')
    try:
        data = yaml.load(content, _Loader)
    except _ERRORS as error:
        raise ConversionError(f'{path!r} must be a yaml of plain values, but '
                              f'{type(error).__name__}: {error}') from None
    _check_size(path, data)
    return data


def _check_size(path: str, data: Any) -> None:
    """Refuse aliases that make a small file a large, or endless, tree."""
    left, nodes = MAX_VALUES, [(data, 0)]
    while nodes:
        node, level = nodes.pop()
        children = list(node.values()) if isinstance(node, dict) else node
        if not isinstance(children, list):
            continue
        left -= len(children)
        if left < 0 or level == MAX_LEVELS:
            raise ConversionError(
                f'{path!r} must be a yaml of a published code, but has more '
                f'than {MAX_VALUES} values or {MAX_LEVELS} levels')
        nodes += [(child, level + 1) for child in children]
