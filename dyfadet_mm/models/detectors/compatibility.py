"""Whether the parts of a detector were configured for each other.

Parts state what they take and give by attributes: ``in_channels``,
``out_channels`` (one number, or one per level) and ``num_levels``. What a
part does not state is not checked.
"""
import inspect
from typing import Any, Iterator, List, NamedTuple, Optional, Tuple, Union

from torch import nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import ConfigType

# the arguments that decide an attribute, the first one that a class takes
ARGUMENTS = dict(
    in_channels=('in_channels', 'channels'),
    out_channels=('out_channels', 'embed_channels', 'channels'),
    num_levels=('num_levels', 'num_outs', 'regression_ranges', 'arch'))

#: One number, or one per level.
Number = Union[int, Tuple[int, ...]]
#: Name of a part in the config of the model, and the part.
Part = Tuple[str, nn.Module]


class Setting(NamedTuple):
    """What a part takes or gives, and the key of the config behind it."""

    key: str
    value: Number


def build_part(cfg: ConfigType, name: str) -> nn.Module:
    """Build a part, and say which one it is if that fails.

    Args:
        cfg (dict): Its config.
        name (str): Its key in the config of the model.

    Returns:
        nn.Module: The part.

    Raises:
        ValueError: If the part refuses a value of its config.
    """
    try:
        return MODELS.build(cfg)
    except ValueError as error:
        raise ValueError(f'model.{name}: {error}') from error


def check_compatibility(backbone: nn.Module, neck: Optional[nn.Module],
                        head: nn.Module, data_preprocessor: nn.Module) -> None:
    """Check that the parts of a detector fit together.

    Args:
        backbone (nn.Module): Encoder.
        neck (nn.Module, optional): What lies between the two.
        head (nn.Module): Detection head.
        data_preprocessor (nn.Module): Padding of batches.

    Raises:
        ValueError: If channels, levels or lengths of two parts differ, or a
            head that fuses neighbouring levels is given a single one. The
            message lists all of these, with both keys and both numbers.
    """
    parts: List[Part] = [('backbone', backbone), ('neck', neck),
                         ('head', head)]
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
    known = {
        argument
        for cls in type(module).__mro__
        for argument in inspect.signature(cls.__init__).parameters
    }
    keys = [x for x in ARGUMENTS[attribute] if x in known] or [attribute]
    return Setting(f'model.{name}.{keys[0]}', value)


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
