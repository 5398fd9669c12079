import math
from typing import Any, Dict, Optional

from mmengine.hooks import EMAHook, Hook
from mmengine.runner import Runner
from torch import nn

from dyfadet_mm.registry import HOOKS
from dyfadet_mm.utils.weights import find_not_finite
from .batch_values import find_huge_inputs, largest_values, names_of
from .runner_parts import built_train_loop, describe_iteration, unwrap_model

#: Overflows in a row that a ``GradScaler`` may skip.
MAX_SKIPPED = 10
_DIVERGED = ('the training has diverged: go on from an earlier checkpoint '
             'with a lower learning rate, or set optim_wrapper.clip_grad')


@HOOKS.register_module()
class FiniteCheckHook(Hook):
    """End a run whose loss or weights are no longer finite.

    - The losses are checked in every iteration. ``RuntimeInfoHook`` has
      fetched them from the GPU already, so that nothing waits.
    - The weights, and their running average, are checked when a checkpoint is
      loaded, after every epoch, and before they are saved or evaluated. No
      checkpoint and no metric can so come from weights that are not finite.

    ``AmpOptimWrapper`` scales the loss and skips a step whose gradients
    overflow: that is legal. A loss that overflows itself is passed over
    there too, up to ten times in a row, unless the inputs are to blame.
    """

    priority = 'LOW'  # after RuntimeInfoHook, before CheckpointHook

    def __init__(self) -> None:
        self._num_skipped = 0

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: Any = None,
                         outputs: Optional[dict] = None) -> None:
        """Check the losses of an iteration.

        Args:
            runner (Runner): The runner of the training process.
            batch_idx (int): Position of the batch in the epoch.
            data_batch (Any): The batch. Defaults to None.
            outputs (dict, optional): Losses by name. Defaults to None.

        Raises:
            FloatingPointError: If a loss is not finite.
        """
        losses = {
            name: loss
            for name, loss in _read_losses(runner, outputs).items()
            if not math.isfinite(loss)
        }
        if not losses:
            self._num_skipped = 0
            return
        huge = find_huge_inputs(data_batch)
        self._num_skipped += 1
        scaler = getattr(runner.optim_wrapper, 'loss_scaler', None)
        if scaler and not huge and self._num_skipped <= MAX_SKIPPED:
            return
        reason = _blame_inputs(huge) if huge else _blame_rate(
            runner, data_batch)
        values = ', '.join(f'{name}={loss}' for name, loss in losses.items())
        raise FloatingPointError(
            f'the loss must be finite, but got {values} in '
            f'{describe_iteration(runner, batch_idx)}, videos '
            f'{", ".join(names_of(data_batch))}; {reason}')

    def before_train(self, runner: Runner) -> None:
        """Check weights that were loaded or resumed."""
        self._check_weights(runner, 'to go on from', runner._has_loaded)

    def after_train_epoch(self, runner: Runner) -> None:
        """Check the weights that an epoch has left."""
        self._check_weights(runner, f'after iteration {runner.iter}')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check the weights that are to be saved."""
        self._check_weights(runner, 'to be saved')

    def before_val(self, runner: Runner) -> None:
        """Check the weights that are to be validated."""
        self._check_weights(runner, 'to be validated',
                            built_train_loop(runner) is None)

    def before_test(self, runner: Runner) -> None:
        """Check the weights that are to be tested."""
        self._check_weights(runner, 'to be tested', runner._has_loaded)

    def _check_weights(self,
                       runner: Runner,
                       purpose: str,
                       loaded: bool = False) -> None:
        """Check the model and its running averages.

        Args:
            runner (Runner): The runner.
            purpose (str): What the weights must be finite for.
            loaded (bool): Whether they are as a checkpoint has them.
                Defaults to False.

        Raises:
            FloatingPointError: If a weight is not finite.
        """
        models = [('the model', unwrap_model(runner.model))]
        models += [('the running average', hook.ema_model.module)
                   for hook in runner.hooks if isinstance(hook, EMAHook)]
        for owner, model in models:
            name = _first_not_finite(model)
            if name is not None:
                source = runner._load_from or 'the checkpoint'
                remedy = (f'{source} is damaged, or its training diverged: '
                          'use another' if loaded else _DIVERGED)
                raise FloatingPointError(
                    f'the weights must be finite {purpose}, but {name!r} of '
                    f'{owner} is not; {remedy}')


def _read_losses(runner: Runner, outputs: Optional[dict]) -> Dict[str, float]:
    """Losses of an iteration, without a further look at the GPU."""
    logged = runner.message_hub.log_scalars
    losses = {}
    for name, value in (outputs or {}).items():
        if 'loss' in name:
            history = logged.get(f'train/{name}')
            losses[name] = history.current() if history else float(value)
    return losses


def _blame_inputs(huge: Dict[str, float]) -> str:
    """Name the inputs with values that no training stands."""
    values = ', '.join(f'{name} up to {value:g}'
                       for name, value in huge.items())
    return (f'features far outside of the rest: {values}; write these files '
            'anew or leave the videos out (tools/analysis_tools/'
            'check_dataset.py finds all of them)')


def _blame_rate(runner: Runner, data_batch: Any) -> str:
    """Say that the training has diverged."""
    values = largest_values(data_batch)
    seen = f' (at most {max(values.values()):g})' if values else ''
    rate = runner.message_hub.log_scalars.get('train/lr')
    now = f' ({rate.current():g} here)' if rate else ''
    return (f'the inputs look sound{seen}, so that the training has '
            f'diverged: lower the learning rate{now}, set '
            'optim_wrapper.clip_grad, or train without mixed precision')


def _first_not_finite(model: nn.Module) -> Optional[str]:
    """Name of the first such weight; a buffer may hold infinity, as a mask."""
    name = find_not_finite(model)
    if name is not None:
        return name
    for name, buffer in model.named_buffers():
        if buffer.isnan().any():
            return name
    return None
