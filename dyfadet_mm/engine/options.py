"""Options of the command line, and variables that nothing reads."""
import ast
import inspect
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import AbstractSet, Any, Iterator, List, Optional, Set, Tuple

from mmengine.config import Config
from mmengine.runner import Runner

from dyfadet_mm.compat.config_references import names_in, references

# what MMEngine's runner and tools, and TADInferencer, read from a config
# beside the arguments of Runner.__init__
READ_BY_RUNNER = ('activation_checkpointing', 'compile', 'custom_imports',
                  'efficient_conv_bn_eval', 'feature_extractor',
                  'find_unused_parameters', 'model_wrapper_cfg', 'runner_type',
                  'sync_bn')
# dicts of which MMEngine ignores other keys
KEYS = dict(
    auto_scale_lr=('enable', 'base_batch_size'),
    env_cfg=('cudnn_benchmark', 'dist_cfg', 'mp_cfg', 'resource_limit'))


def merge_options(cfg: Config, options: Optional[dict] = None) -> Config:
    """Merge command line options into a config.

    Args:
        cfg (Config): Changed in place.
        options (dict, optional): Dotted key to value, as ``--cfg-options``
            gives it. Defaults to None.

    Returns:
        Config: ``cfg``.

    Raises:
        ValueError: If nothing reads one of the options, or a variable that a
            file of the config sets. The nearest key that is read is named.
    """
    check_files(cfg)
    if options:
        known = _known(cfg)
        for option in options:
            check_option(option, cfg, known)
        cfg.merge_from_dict(options)
    return cfg


def check_settings(cfg: Config) -> None:
    """Refuse what changed a config since it was read, and acts nowhere.

    Args:
        cfg (Config): As a runner has it.

    Raises:
        ValueError: As in :func:`merge_options`.
    """
    if cfg.filename is None or not Path(cfg.filename).is_file():
        return
    check_files(cfg)
    before = Config.fromfile(cfg.filename, import_custom_modules=False)
    old, new = before.to_dict(), cfg.to_dict()
    follows = {place.split('.')[0] for place in references(before)}
    for name in set(new) - follows:
        if name not in old or old[name] != new[name]:
            check_option(name, before)
    for name in KEYS:
        for key in set(new.get(name) or ()) - set(old.get(name) or ()):
            check_option(f'{name}.{key}', before)


def check_option(option: str,
                 cfg: Config,
                 known: Optional[AbstractSet[str]] = None) -> None:
    """Refuse one option that nothing reads.

    Args:
        option (str): Dotted key.
        cfg (Config): Without the option.
        known (AbstractSet[str], optional): Its top-level names that are read,
            to find them once for many options. Defaults to None.

    Raises:
        ValueError: Naming the option and the nearest key.
    """
    first, *others = option.split('.')
    if first == 'data_preprocessor' and first in (cfg.get('model') or ()):
        raise ValueError(f'an option must act, but got {option!r}, which '
                         'model.data_preprocessor overrides; did you mean '
                         f"'model.{option}'?")
    if known is None:
        known = _known(cfg)
    if first not in known or others and others[0] not in KEYS.get(
            first, others):
        raise ValueError('an option must name a key that is read, but nothing '
                         f'reads {option!r}{_remedy(option, cfg, known)}')


def check_files(cfg: Config) -> None:
    """Refuse variables that the file of a config sets to no effect.

    A variable acts where the file itself uses it, where a reference of its
    bases names it (``'${lr}'``), also if a nested key in the same file wins,
    or where the runner reads it. A name that resembles none of these and that
    no base has is left to its author, and so is a file without bases, such as
    the config that a run has saved. Bases are taken to be checked.

    Args:
        cfg (Config): With its file name.

    Raises:
        ValueError: Naming file, variable and the nearest key.
    """
    path = cfg.filename
    if path is None or not path.endswith('.py') or not Path(path).is_file():
        return
    text = Path(path).read_text(encoding='utf-8')
    known = read_by_runner().union(names_in(text))
    assigned, loaded = _variables(text)
    if not assigned - loaded - known:
        return  # reading the bases takes long
    bases = [
        Config.fromfile(
            Config._get_cfg_path(base, path)[0], import_custom_modules=False)
        for base in _base_files(path)
    ]
    if not bases:
        return
    known = known.union(*map(referred_to, bases))
    for name in sorted(assigned - loaded - known):
        if any(name in base for base in bases) or get_close_matches(
                name, known, n=1):
            raise ValueError(f'{path} sets {name!r}, which nothing reads'
                             f'{_remedy(name, cfg, known)}')


def _base_files(path: str) -> List[str]:
    """Bases of a config; one of the new style imports them, and has none."""
    return [] if Config._is_lazy_import(path) else Config._get_base_files(path)


@lru_cache(maxsize=None)
def read_by_runner() -> AbstractSet[str]:
    """Top-level names of a config that MMEngine's runner and tools read."""
    arguments = {*inspect.signature(Runner.__init__).parameters}
    return frozenset(arguments - {'self', 'cfg'} | set(READ_BY_RUNNER))


def _known(cfg: Config) -> AbstractSet[str]:
    """Top-level names of a config that something reads."""
    return read_by_runner() | referred_to(cfg)


def referred_to(cfg: Config) -> Set[str]:
    """Variables of a config that a reference names."""
    return set().union(*map(names_in, references(cfg).values()))


def _variables(text: str) -> Tuple[Set[str], Set[str]]:
    """Variables that a file sets at its top level, and those it uses."""
    tree = ast.parse(text)
    names = [x for x in ast.walk(tree) if isinstance(x, ast.Name)]
    loaded = {x.id for x in names if not isinstance(x.ctx, ast.Store)}
    assigned = {
        x.id
        for statement in tree.body if isinstance(statement, ast.Assign)
        for x in ast.walk(statement)
        if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store)
    }
    return assigned - {'_base_'}, loaded


def _remedy(option: str, cfg: Config, known: AbstractSet[str]) -> str:
    """The nearest key that is read, as the end of a message."""
    places = [
        place for place in _places(cfg.to_dict(), '')
        if place.split('.')[0] in known
    ]
    last = option.split('.')[-1]
    near = [x for x in places if x.split('.')[-1] == last and x != option]
    near = near or get_close_matches(option, [*sorted(known), *places], n=1)
    return f'; did you mean {min(near, key=len)!r}?' if near else ''


def _places(node: Any, prefix: str) -> Iterator[str]:
    """Dotted keys of nested dicts and lists."""
    if isinstance(node, (list, tuple)):
        node = dict(enumerate(node))
    if isinstance(node, dict):
        for key, value in node.items():
            yield f'{prefix}{key}'
            yield from _places(value, f'{prefix}{key}.')
