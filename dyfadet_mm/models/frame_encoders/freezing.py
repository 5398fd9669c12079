"""What of a frame encoder is trained."""
from typing import Union

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from .stages import stages_of
from .temporal_adapter import TemporalAdapter

TRAIN_MODES = ('full', 'adapters', 'frozen')


def freeze(backbone: nn.Module, train_mode: Union[str, int]) -> None:
    """Freeze all parameters but those that are trained.

    Args:
        backbone (nn.Module): With its adapters.
        train_mode (str | int): Of a :class:`FrameEncoder`.

    Raises:
        ValueError: If it is unknown, or names what there is not.
    """
    stages = stages_of(backbone)
    adapted = {
        each
        for module in backbone.modules() if isinstance(module, TemporalAdapter)
        for each in module.parameters()
    }
    is_number = isinstance(train_mode,
                           int) and not isinstance(train_mode, bool)
    if is_number and not 1 <= train_mode <= len(stages):
        raise ValueError(
            f'train_mode must be at most the {len(stages)} stages of '
            f'{type(backbone).__name__} and at least 1, but got {train_mode}')
    if not is_number and train_mode not in TRAIN_MODES:
        raise ValueError(f'train_mode must be one of {TRAIN_MODES} or a '
                         f'number of stages, but got {train_mode!r}')
    if train_mode == 'adapters' and not adapted:
        raise ValueError("train_mode must not be 'adapters' without adapters")
    if train_mode == 'full':
        return
    trained = len(stages) - (train_mode if is_number else 0)
    stage_of = {
        each: number
        for number, stage in enumerate(stages)
        for each in stage.parameters()
    }
    place = -1  # before the stages
    for each in backbone.parameters():
        if each in stage_of:
            place = stage_of[each]
        elif place >= 0:
            place = len(stages)  # behind them
        each.requires_grad_(train_mode != 'frozen'
                            and (place >= trained or each in adapted))


def still_norms(module: nn.Module, norm_eval: bool) -> None:
    """Let batch norms use their running statistics.

    Args:
        module (nn.Module): In training mode.
        norm_eval (bool): Whether all do, or those that are not trained.
    """
    for each in module.modules():
        if isinstance(each, _BatchNorm):
            frozen = [not x.requires_grad for x in each.parameters()]
            if norm_eval or (frozen and all(frozen)):
                each.eval()
