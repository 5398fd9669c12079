"""Settings that a config states once and uses in several places."""
import copy
import inspect
import os.path as osp
from difflib import get_close_matches
from fnmatch import fnmatch
from typing import Any, Iterator, List, Optional, Tuple, Union

from mmengine.config import Config
from mmengine.fileio import exists
from mmengine.runner import Runner

from dyfadet_mm.fileio import load_database, resolve_classes

Node = Union[Config, dict, list]
# what MMEngine's runner and tools read from a config beside the arguments of
# Runner.__init__
READ_BY_RUNNER = ('activation_checkpointing', 'compile', 'custom_imports',
                  'efficient_conv_bn_eval', 'find_unused_parameters',
                  'model_wrapper_cfg', 'runner_type', 'sync_bn')


def apply_options(cfg: Config, options: Optional[dict] = None) -> Config:
    """Merge command line options into a config and bind its settings.

    An option that names a bound place itself, as in ``model.head.x=1``, wins
    over the setting.

    Args:
        cfg (Config): Changed in place.
        options (dict, optional): Dotted key to value, as ``--cfg-options``
            gives it. Defaults to None.

    Returns:
        Config: ``cfg``.

    Raises:
        ValueError: See :func:`check_cfg_options` and :func:`bind_settings`.
    """
    options = options or {}
    check_cfg_options(cfg, options)
    cfg.merge_from_dict(options)
    bind_settings(cfg)
    cfg.merge_from_dict(options)
    return cfg


def check_cfg_options(cfg: Config, options: Optional[dict]) -> None:
    """Refuse options that nothing reads.

    Args:
        cfg (Config): The config before the options are merged.
        options (dict, optional): Dotted key to value.

    Raises:
        ValueError: If the first part of a key is neither in the config nor
            read by MMEngine's runner.
    """
    known = {*cfg, *inspect.signature(Runner.__init__).parameters}
    known.update(READ_BY_RUNNER)
    for option in options or {}:
        key = option.split('.')[0]
        if key not in known:
            close = get_close_matches(key, known, n=1)
            remedy = f'; did you mean {close[0]!r}?' if close else ''
            raise ValueError('an option must name a key of the config, but '
                             f'got {option!r}{remedy}')


def bind_settings(cfg: Config) -> None:
    """Write the settings of a config to the places that use them.

    ``bindings = dict(feat_dim=['model.backbone.in_channels'])`` in a config
    says that its variable ``feat_dim`` is meant for ``in_channels``; so a
    child config or ``--cfg-options`` can change the variable alone. Between
    the dots stand keys, which may hold wildcards (``*_dataloader``), or
    indices of lists. A variable that is None is left alone.

    ``num_classes`` is special: it becomes the number of ``classes``, which
    are read from ``ann_file`` below ``data_root`` where the config gives
    none. A file that is missing is left to the dataset to report.

    Args:
        cfg (Config): Changed in place.

    Raises:
        ValueError: If a path does not exist, the annotation file is not one,
            or ``warmup_epochs`` leaves nothing of ``max_epochs``.
    """
    bindings = cfg.get('bindings')
    if not bindings:
        return
    _check_schedule(cfg)
    num_classes = _count_classes(cfg)
    if num_classes is not None:
        cfg.num_classes = num_classes
    for variable, paths in bindings.items():
        if cfg.get(variable) is None:
            continue
        for path in paths:
            places = list(_find(cfg, path.split('.')))
            if not places:
                raise ValueError(f'bindings[{variable!r}] must name places in '
                                 f'the config, but got {path!r}')
            for node, key in places:
                node[key] = copy.deepcopy(cfg[variable])


def _check_schedule(cfg: Config) -> None:
    """Warm-up must be a part of the training, and not all of it."""
    warmup, total = cfg.get('warmup_epochs'), cfg.get('max_epochs')
    if None not in (warmup, total) and not 0 < warmup < total:
        raise ValueError('warmup_epochs must be at least 1 and below '
                         f'max_epochs, but got {warmup} and {total}')


def _count_classes(cfg: Config) -> Optional[int]:
    """Number of classes, or None if neither config nor file tells."""
    if 'classes' not in cfg:
        return None
    if cfg.classes is not None:
        # one name on the command line arrives as a string
        if isinstance(cfg.classes, str):
            cfg.classes = [cfg.classes]
        return len(cfg.classes)
    path = osp.join(cfg.data_root, cfg.ann_file)
    if not exists(path):
        return None
    return len(resolve_classes(load_database(path), None))


def _find(node: Node, parts: List[str]) -> Iterator[Tuple[Node, Any]]:
    """Existing places of a dotted path, as (container, key)."""
    part, *rest = parts
    if isinstance(node, (list, tuple)):
        index = part.isdigit() and int(part) < len(node)
        keys = [int(part)] if index else []
    else:
        keys = [key for key in node or () if fnmatch(key, part)]
    for key in keys:
        if not rest:
            yield node, key
        elif isinstance(node[key], (dict, list, tuple)):
            yield from _find(node[key], rest)
