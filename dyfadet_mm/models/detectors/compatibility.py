"""Whether the parts of a detector were configured for each other.

Parts state what they take and give by attributes: ``in_channels``,
``out_channels`` (one number, or one per level) and ``num_levels``. What the
config of a part leaves out is handed down from the part before it; what it
says is checked, and what a part does not state is not.
"""
import copy
import inspect
from typing import Any, Iterator, List, NamedTuple, Optional, Set, Tuple, Union

from torch import nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import ConfigType

# the arguments that decide an attribute, the first one that a class takes
ARGUMENTS = dict(
    in_channels=('in_channels', 'channels'),
    out_channels=('out_channels', 'embed_channels', 'channels'),
    num_levels=('num_levels', 'num_outs', 'regression_ranges', 'arch'))

# what a part takes over from the one before it, by its argument
HANDED_DOWN = dict(
    channels='out_channels',
    in_channels='out_channels',
    out_channels='out_channels',
    feat_channels='out_channels',
    num_levels='num_levels')

#: One number, or one per level.
Number = Union[int, Tuple[int, ...]]
#: Name of a part in the config of the model, and the part.
Part = Tuple[str, nn.Module]


class Setting(NamedTuple):
    """What a part takes or gives, and the key of the config behind it."""

    key: str
    value: Number


def build_part(cfg: ConfigType,
               name: str,
               source: Optional[nn.Module] = None) -> nn.Module:
    """Build a part, and say which one it is if that fails.

    Args:
        cfg (dict): Its config. Channels and number of levels that it leaves
            out, or gives as None, are those of ``source``.
        name (str): Its key in the config of the model.
        source (nn.Module, optional): The part before it. Defaults to None.

    Returns:
        nn.Module: The part.

    Raises:
        ValueError: If the part refuses a value of its config.
    """
    try:
        return MODELS.build(cfg if source is None else _complete(cfg, source))
    except ValueError as error:
        raise ValueError(f'model.{name}: {error}') from error


def arguments_of(cfg: ConfigType) -> Set[str]:
    """Arguments that the part of a config takes, as far as they are known.

    Args:
        cfg (dict): With ``type``, a name or a class.

    Returns:
        set[str]: Their names, those of base classes included.
    """
    cls = cfg['type']
    if not isinstance(cls, type):
        with MODELS.switch_scope_and_registry(cfg.get('_scope_')) as registry:
            cls = registry.get(cls)
    return set() if cls is None else _arguments(cls)


def _complete(cfg: ConfigType, source: nn.Module) -> ConfigType:
    """Hand down what the config of a part leaves out."""
    known, cfg = arguments_of(cfg), copy.copy(cfg)
    for argument, attribute in HANDED_DOWN.items():
        value = getattr(source, attribute, None)
        if isinstance(value, (list, tuple)) and len(set(value)) == 1:
            value = value[0]
        if (argument in known and cfg.get(argument) is None
                and isinstance(value, int)):
            cfg[argument] = value
    return cfg


def check_compatibility(encoder: Optional[nn.Module], backbone: nn.Module,
                        neck: Optional[nn.Module], head: nn.Module,
                        data_preprocessor: nn.Module) -> None:
    """Check that the parts of a detector fit together.

    Args:
        encoder (nn.Module, optional): Of frames.
        backbone (nn.Module): Encoder.
        neck (nn.Module, optional): What lies between the two.
        head (nn.Module): Detection head.
        data_preprocessor (nn.Module): Padding of batches.

    Raises:
        ValueError: If channels, levels or lengths of two parts differ, or a
            head that fuses neighbouring levels is given a single one. The
            message lists all of these, with both keys and both numbers.
    """
    parts: List[Part] = [('encoder', encoder), ('backbone', backbone),
                         ('neck', neck), ('head', head)]
    parts = [part for part in parts if part[1] is not None]
    problems = [
        problem for pair in zip(parts, parts[1:])
        for problem in (*_channels(*pair), *_levels(*pair))
    ]
    problems += [*_neighbours(parts), *_lengths(backbone, data_preprocessor)]
    if problems:
        raise ValueError('\n- '.join(
            ['parts of the model must fit together, but got', *problems]))


def _channels(source: Part, target: Part) -> Iterator[str]:
    """Channels that one part gives, against those the next one takes."""
    given = _setting(source, 'out_channels')
    taken = _setting(target, 'in_channels')
    if given and taken and not _alike(given.value, taken.value):
        yield (f'{given.key} gives {_text(given.value)} channels, but '
               f'{taken.key} takes {_text(taken.value)}: make them equal')


def _levels(source: Part, target: Part) -> Iterator[str]:
    """Levels, likewise; some necks add levels to those they take."""
    given = _setting(source, 'num_levels')
    taken = _setting(target, 'in_channels')
    if taken is None or isinstance(taken.value, int):
        taken = _setting(target, 'num_levels')
    if not given or not taken:
        return
    count = taken.value if isinstance(taken.value, int) else len(taken.value)
    if given.value != count:
        plural = '' if given.value == 1 else 's'
        yield (f'{given.key} gives {given.value} level{plural}, but '
               f'{taken.key} takes {count}: make them equal')


def _neighbours(parts: List[Part]) -> Iterator[str]:
    """A head that fuses levels, and only one of them."""
    name, head = parts[-1]
    settings = [_setting(part, 'num_levels') for part in parts]
    single = [x.key for x in settings if x and x.value == 1]
    if single and any(getattr(x, 'fuses_levels', 0) for x in head.modules()):
        yield (f'{single[0]} gives 1 level, but model.{name}.type='
               f'{type(head).__name__} fuses neighbouring levels, of which it '
               'needs 2: use more levels, or a head such as ConvHead')


def _lengths(backbone: nn.Module,
             data_preprocessor: nn.Module) -> Iterator[str]:
    """Cells of the position table, against those of the padded batch."""
    if getattr(data_preprocessor, 'pad_to', None) != 'max_seq_len':
        return
    position = getattr(backbone, 'position', None)
    rows = getattr(position, 'max_seq_len', None)
    cells = getattr(data_preprocessor, 'max_seq_len', None)
    if rows and cells and rows != cells:
        yield (f'model.backbone.position.max_seq_len is {rows}, but '
               f'model.data_preprocessor.max_seq_len is {cells}: make them '
               'equal')


def _setting(part: Part, attribute: str) -> Optional[Setting]:
    """What a part states, or None."""
    name, module = part
    value: Any = getattr(module, attribute, None)
    if isinstance(value, (list, tuple)):
        value = tuple(value)
    elif not isinstance(value, int):
        return None
    known = _arguments(type(module))
    keys = [x for x in ARGUMENTS[attribute] if x in known] or [attribute]
    return Setting(f'model.{name}.{keys[0]}', value)


def _arguments(cls: type) -> Set[str]:
    """Arguments of a class, those of its bases included."""
    return {
        argument
        for each in cls.__mro__
        for argument in inspect.signature(each.__init__).parameters
    }


def _alike(given: Number, taken: Number) -> bool:
    """Whether channels agree; one number stands for every level."""
    if isinstance(given, int) or isinstance(taken, int):
        return len({*_each(given), *_each(taken)}) == 1
    return given == taken


def _each(value: Number) -> Tuple[int, ...]:
    """Channels of one level, or of each."""
    return (value, ) if isinstance(value, int) else value


def _text(value: Number) -> str:
    """Channels for a message."""
    return str(value if isinstance(value, int) else list(value))
