"""What a schedule does with as many iterations as the data gives."""
import math
from typing import Iterator, List, NamedTuple, Optional, Sequence, Union

import torch
from mmengine.config import Config
from mmengine.registry import PARAM_SCHEDULERS
from torch.optim import SGD

Schedulers = Union[dict, Sequence[dict], None]
# shares of the optimizer's learning rate: nothing is learnt, the rate is up
TINY, FULL = 0.01, 0.99


class ScheduleProblem(NamedTuple):
    """Why a training cannot go well.

    Attributes:
        severity (str): ``'error'`` or ``'warning'``.
        check (str): What was checked, in a word or two.
        message (str): What is wrong, with numbers, and what to do.
    """
    severity: str
    check: str
    message: str


def learning_rates(param_scheduler: Schedulers,
                   lr: float,
                   epoch_length: int,
                   max_epochs: Optional[int] = None,
                   max_iters: Optional[int] = None) -> Iterator[float]:
    """Learning rate of every iteration, made by MMEngine's own schedulers.

    Args:
        param_scheduler (dict | Sequence[dict], optional): As in a config.
        lr (float): Learning rate of the optimizer.
        epoch_length (int): Iterations per epoch.
        max_epochs (int, optional): Epochs of an epoch-based loop. Defaults
            to None.
        max_iters (int, optional): Iterations of an iteration-based loop, in
            which schedulers by epoch never step. Defaults to None.

    Yields:
        float: The rate that one iteration trains with.

    Raises:
        TypeError: If a scheduler is no dict.
        ValueError: If a scheduler has wrong arguments.
    """
    by_epoch = max_epochs is not None
    total = max_epochs * epoch_length if by_epoch else max_iters
    optimizer = SGD([torch.zeros(1)], lr=lr, momentum=0.9)
    each = param_scheduler or []
    schedulers = []
    for cfg in [each] if isinstance(each, dict) else each:
        # as Runner.build_param_scheduler does
        end = max_epochs if cfg.get('by_epoch', True) else total
        cfg = dict(cfg)
        if end is not None:
            cfg.setdefault('end', end)
        schedulers.append(
            PARAM_SCHEDULERS.build(
                cfg,
                default_args=dict(
                    optimizer=optimizer, epoch_length=epoch_length)))
    optimizer.step()  # or MMEngine warns of the wrong order
    # those that follow the metrics of a validation are left out
    steps = [s for s in schedulers if not getattr(s, 'need_val_args', False)]
    for done in range(1, total + 1):
        yield optimizer.param_groups[0]['lr']
        for scheduler in steps:
            if not scheduler.by_epoch or (by_epoch
                                          and done % epoch_length == 0):
                scheduler.step()


def peak_rate(param_scheduler: Schedulers,
              lr: float,
              epoch_length: int,
              max_epochs: Optional[int] = None,
              max_iters: Optional[int] = None) -> float:
    """Highest learning rate of any iteration, 0 if there is none.

    Args: As of :func:`learning_rates`, and errors as well.

    Returns:
        float: The rate.
    """
    return max(
        learning_rates(param_scheduler, lr, epoch_length, max_epochs,
                       max_iters),
        default=0.)


def check_schedule(cfg: Config, epoch_length: int) -> List[ScheduleProblem]:
    """Look for a training without rate, average or validation.

    Args:
        cfg (Config): Whole config; nothing is checked without ``train_cfg``.
        epoch_length (int): Iterations per epoch, as the loader has them;
            ``refuse_empty_loader`` of the loops tells why there are none.

    Returns:
        list[ScheduleProblem]: Empty if all is well.
    """
    loop = cfg.get('train_cfg')
    if not loop or not cfg.get('train_dataloader'):
        return []
    total = num_iterations(loop, epoch_length)
    if not total:
        return []
    problems = [
        _check_rate(cfg, epoch_length, total),
        _check_validation(cfg, loop)
    ]
    for hook in cfg.get('custom_hooks') or ():
        problems.append(_check_average(hook, epoch_length, total))
    return [problem for problem in problems if problem is not None]


def num_iterations(loop: dict, epoch_length: int) -> int:
    """Iterations of a whole training.

    Args:
        loop (dict): ``train_cfg`` of a config.
        epoch_length (int): Iterations per epoch.

    Returns:
        int: Their number, 0 if the loop does not say.
    """
    if loop.get('max_epochs') is not None:
        return loop['max_epochs'] * epoch_length
    return loop.get('max_iters') or 0


def _check_rate(cfg: Config, epoch_length: int,
                total: int) -> Optional[ScheduleProblem]:
    """The learning rate must rise, and before the training ends."""
    lr = ((cfg.get('optim_wrapper') or {}).get('optimizer') or {}).get('lr')
    loop = cfg.train_cfg
    if not lr or not isinstance(lr, (int, float)):
        return None
    rates = []
    try:
        for rate in learning_rates(
                cfg.get('param_scheduler'), lr, epoch_length,
                loop.get('max_epochs'), loop.get('max_iters')):
            rates.append(rate)
            if rate >= FULL * lr:
                return None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return ScheduleProblem(
            'error', 'learning rate',
            f'param_scheduler cannot be built: {error}; '
            'the warm-up must end before the training '
            'does: change warmup_epochs or max_epochs')
    peak = max(rates)
    rising = rates[0] < peak == rates[-1]
    if peak >= TINY * lr and not rising:
        return None
    what = ('must rise above 1 % of' if peak < TINY *
            lr else 'must reach the value of')
    return ScheduleProblem(
        'error' if peak < TINY * lr else 'warning', 'learning rate',
        f'the learning rate {what} optim_wrapper.optimizer.lr={lr:g}, but '
        f'is at most {peak:.2g} in all {total} iterations ({epoch_length} '
        'per epoch); the warm-up must have at least two iterations and end '
        'before the training does: change warmup_epochs, or begin and end in '
        'param_scheduler, raise max_epochs, or lower batch_size')


def _check_average(hook: dict, epoch_length: int,
                   total: int) -> Optional[ScheduleProblem]:
    """An average of the weights must forget the first ones."""
    name = getattr(hook.get('type'), '__name__', hook.get('type'))
    average = hook.get('ema_type', 'ExponentialMovingAverage')
    momentum = hook.get('momentum', 0.0002)
    if (str(name).split('.')[-1] != 'EMAHook' or not momentum
            or average != 'ExponentialMovingAverage'):
        return None
    begin = (
        hook.get('begin_iter', 0) + hook.get('begin_epoch', 0) * epoch_length)
    updates = (total - begin) // hook.get('interval', 1)
    if updates < 1 or updates * momentum >= 1:
        return None
    share = 100 * (1 - momentum)**(updates - 1)
    better = float(f'{min(0.5, 10 / updates):.0e}')
    return ScheduleProblem(
        'warning', 'moving average', f'EMAHook must average less than the '
        f'training lasts, but momentum={momentum:g} averages about '
        f'{math.ceil(1 / momentum)} updates, and the training has {updates}: '
        f'{share:.0f} % of the weights that are evaluated are those of the '
        f'first iteration; set momentum={better:g} of the EMAHook in '
        'custom_hooks, or train longer')


def _check_validation(cfg: Config, loop: dict) -> Optional[ScheduleProblem]:
    """The first validation must not come after the end."""
    unit = 'iterations' if loop.get('max_epochs') is None else 'epochs'
    last = loop.get('max_epochs') or loop.get('max_iters')
    begin = loop.get('val_begin', 1)
    if not cfg.get('val_dataloader') or begin <= last:
        return None
    return ScheduleProblem(
        'warning', 'validation', 'train_cfg.val_begin must be at most the '
        f'{last} {unit} of the training, but got {begin}: nothing is '
        f'evaluated, and no best checkpoint kept; set val_begin={last} or '
        'lower')
