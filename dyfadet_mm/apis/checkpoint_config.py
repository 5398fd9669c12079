"""The config that a checkpoint holds, as data.

MMEngine saves the config of a training as text, and reads it by running it. A
checkpoint may come from anywhere: its text is read as literals, and it may
name only what the packages of OpenMMLab have registered. MMEngine would call
any function of any module by its name.
"""
import re
from typing import Any, Iterator, Mapping

from mmengine.config import Config

from dyfadet_mm.fileio import brief, literal_config

# what is read; the rest of a training's config is of no use to detect
KEYS = ('default_scope', 'feature_extractor', 'model', 'test_dataloader',
        'visualizer')
SCOPES = ('dyfadet_mm', 'mmaction', 'mmdet', 'mmengine')
# a config of this package
OURS = re.compile(r'dyfadet_mm::features/[\w-]+\.py')
# characters; those of our recipes have 10,000
MAX_TEXT = 2**20


class NoConfigError(ValueError):
    """A checkpoint holds no config that can be used."""


def saved_config(checkpoint: Mapping[str, Any]) -> Config:
    """Read what detection needs of the config saved with a checkpoint.

    Args:
        checkpoint (Mapping): As loaded.

    Returns:
        Config: What detection needs of it.

    Raises:
        NoConfigError: If there is none, or it says more than values and names
            of registered parts.
    """
    values = saved_values(checkpoint)
    values = {key: values[key] for key in KEYS if key in values}
    if not isinstance(values.get('model'), dict):
        raise NoConfigError('its config has no model')
    for name in types_of(values):
        _check_type(name)
    extractor = values.get('feature_extractor')
    if not OURS.fullmatch(str(extractor)):  # a file that would be run
        values.pop('feature_extractor', None)
    return Config(values)


def saved_values(checkpoint: Mapping[str, Any]) -> dict:
    """Read the whole config that MMEngine saved with a checkpoint.

    Args:
        checkpoint (Mapping): As loaded.

    Returns:
        dict: Values by name, to look at: they may name anything as a
        ``type``, so that nothing is built from them.

    Raises:
        NoConfigError: If there is none, or it says more than values.
    """
    text = _saved_text(checkpoint)
    if not isinstance(text, str):
        raise NoConfigError('it holds no config')
    if len(text) > MAX_TEXT:
        raise NoConfigError(f'its config has {len(text)} characters, more '
                            f'than {MAX_TEXT}')
    try:
        return literal_config(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NoConfigError('its config is more than values '
                            f'({brief(str(error))})') from None


def types_of(node: Any) -> Iterator[Any]:
    """Every ``type`` of nested dicts and lists.

    Args:
        node (Any): Values of a config.

    Yields:
        Any: The types, in order.
    """
    if isinstance(node, dict):
        if 'type' in node:
            yield node['type']
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for each in node:
            yield from types_of(each)


def _saved_text(checkpoint: Mapping[str, Any]) -> Any:
    """Where MMEngine's versions put the text, or None."""
    for path in (('message_hub', 'runtime_info', 'cfg'), ('meta', 'cfg')):
        value = checkpoint
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is not None:
            return value
    return None


def _check_type(name: Any) -> None:
    """Refuse a type that is no plain name in a registry of OpenMMLab."""
    if isinstance(name, str):
        scope, _, rest = name.rpartition('.')
        if scope in ('', *SCOPES) and rest.isidentifier():
            return
    raise NoConfigError(f'its config names the type {brief(name)}, which is '
                        'no registered part of OpenMMLab')
