"""Whether the parts of a detector were configured for each other.

Parts state what they take and give by attributes: ``in_channels``,
``out_channels`` (one number, or one per level) and ``num_levels``. What the
config of a part leaves out is handed down from the part before it; what it
says is checked, and what a part does not state is not.
"""
import copy
import inspect
from functools import lru_cache
from typing import (AbstractSet, Any, Iterator, List, NamedTuple, Optional,
                    Tuple, Union)

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


class Setting(NamedTuple):
    """What a part takes or gives, and the key of the config behind it."""

    key: str
    value: Union[int, List[int]]  # or one per level


def build_part(cfg: ConfigType,
               name: str,
               source: Optional[nn.Module] = None) -> nn.Module:
    """Build the part of a model that has this name in its config.

    Channels and number of levels that its config leaves out, or gives as
    None, are those of ``source``, the part before it.

    Raises:
        ValueError: If the part refuses a value of its config; says which
            part.
    """
    if source is not None:
        known, cfg = arguments_of(cfg), copy.copy(cfg)
        for argument, attribute in HANDED_DOWN.items():
            value = getattr(source, attribute, None)
            if isinstance(value, (list, tuple)) and len(set(value)) == 1:
                value = value[0]
            if (argument in known and cfg.get(argument) is None
                    and isinstance(value, int)):
                cfg[argument] = value
    try:
        return MODELS.build(cfg)
    except ValueError as error:
        raise ValueError(f'model.{name}: {error}') from error


def arguments_of(cfg: ConfigType) -> AbstractSet[str]:
    """Arguments of the class of a config, those of its bases included."""
    cls = cfg['type']
    if not isinstance(cls, type):
        with MODELS.switch_scope_and_registry(cfg.get('_scope_')) as registry:
            cls = registry.get(cls)
    return _arguments(cls)


@lru_cache(maxsize=None)
def _arguments(cls: Optional[type]) -> AbstractSet[str]:
    """Arguments of a class, those of its bases included."""
    return frozenset(
        argument for each in getattr(cls, '__mro__', ())
        for argument in inspect.signature(each.__init__).parameters)


def check_compatibility(encoder: Optional[nn.Module], backbone: nn.Module,
                        neck: Optional[nn.Module], head: nn.Module,
                        data_preprocessor: nn.Module) -> None:
    """Check that the parts of a detector fit together.

    Raises:
        ValueError: If channels, levels or lengths of two parts differ, or a
            head that fuses neighbouring levels is given a single one. The
            message lists all of these, with both keys and both numbers.
    """
    parts = dict(encoder=encoder, backbone=backbone, neck=neck, head=head)
    parts = [(name, part) for name, part in parts.items() if part is not None]
    problems = []
    for source, target in zip(parts, parts[1:]):
        taken = _setting(target, 'in_channels')
        problems += _differ(
            _setting(source, 'out_channels'), taken, 'channels')
        # some necks add levels to those they take
        if taken is not None and isinstance(taken.value, list):
            taken = taken._replace(value=len(taken.value))
        else:
            taken = _setting(target, 'num_levels')
        problems += _differ(_setting(source, 'num_levels'), taken, 'levels')
    problems += [*_neighbours(parts), *_lengths(backbone, data_preprocessor)]
    if problems:
        raise ValueError('\n- '.join(
            ['parts of the model must fit together, but got', *problems]))


def _differ(given: Optional[Setting], taken: Optional[Setting],
            unit: str) -> Iterator[str]:
    """What one part gives, against what the next one takes."""
    if not given or not taken:
        return
    # one number stands for every level
    values = [
        x if isinstance(x, list) else [x] for x in (given.value, taken.value)
    ]
    num = max(map(len, values))
    first, second = (x * num if len(x) == 1 else x for x in values)
    if first != second:
        unit = unit[:-1] if given.value == 1 else unit
        yield (
            f'{given.key} gives {given.value} {unit}, but {taken.key} takes '
            f'{taken.value}: make them equal')


def _neighbours(parts: List[Tuple[str, nn.Module]]) -> Iterator[str]:
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
    position = getattr(backbone, 'position', None)
    rows = getattr(position, 'max_seq_len', None)
    cells = getattr(data_preprocessor, 'max_seq_len', None)
    pads = getattr(data_preprocessor, 'pad_to', None) == 'max_seq_len'
    if pads and rows and cells and rows != cells:
        yield (f'model.backbone.position.max_seq_len is {rows}, but '
               f'model.data_preprocessor.max_seq_len is {cells}: make them '
               'equal')


def _setting(part: Tuple[str, nn.Module], attribute: str) -> Optional[Setting]:
    """What a part of this name states, or None."""
    name, module = part
    value: Any = getattr(module, attribute, None)
    if isinstance(value, tuple):
        value = list(value)
    if not isinstance(value, (int, list)):
        return None
    known = arguments_of(dict(type=type(module)))
    keys = [x for x in ARGUMENTS[attribute] if x in known] or [attribute]
    return Setting(f'model.{name}.{keys[0]}', value)
