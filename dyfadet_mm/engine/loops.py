"""Loops of the runner."""
from typing import Dict

import torch
from mmengine.hooks import EMAHook, RuntimeInfoHook
from mmengine.runner import EpochBasedTrainLoop, Runner, ValLoop, autocast
from torch.utils.data import DataLoader

from dyfadet_mm.registry import LOOPS
from .hooks.runner_parts import built_train_loop


@LOOPS.register_module()
class TADTrainLoop(EpochBasedTrainLoop):
    """Loop by epochs that says why a data loader gives no batch.

    MMEngine notices it while it builds the learning rate schedule, in an
    assertion about ``epoch_length``, before any hook is asked.

    Args:
        runner (Runner): The runner.
        args, kwargs: As of ``EpochBasedTrainLoop``.

    Raises:
        ValueError: If the data loader gives no batch.
    """

    def __init__(self, runner: Runner, *args, **kwargs) -> None:
        super().__init__(runner, *args, **kwargs)
        refuse_empty_loader(self.dataloader)


@LOOPS.register_module()
class EMAValLoop(ValLoop):
    """Validation that evaluates averaged and raw weights.

    ``EMAHook`` has the averaged weights evaluated. This loop evaluates the
    weights that are trained before, and logs their metrics beside those of
    the averaged ones as ``raw/NAME``. Hooks see one validation, that of the
    averaged weights: what they save, choose, draw and count is the same as
    with ``ValLoop``. Without ``EMAHook``, and in ``Runner.val()``, whose
    weights are those of the checkpoint, it is ``ValLoop``.

    Args:
        runner (Runner): The runner.
        args, kwargs: As of ``ValLoop``.
    """

    def run(self) -> Dict[str, float]:
        """Validate.

        Returns:
            dict: Metrics by name, those of the raw weights as ``raw/NAME``.
        """
        has_average = any(
            isinstance(hook, EMAHook) for hook in self.runner.hooks)
        if not has_average or built_train_loop(self.runner) is None:
            return super().run()
        self.runner.logger.info(
            'Validating the raw weights, then the averaged ones.')
        raw = {f'raw/{k}': v for k, v in self._evaluate_raw().items()}
        # for the line and the file of the log, where the others will stand
        RuntimeInfoHook().after_val_epoch(self.runner, raw)
        return {**super().run(), **raw}

    @torch.no_grad()
    def _evaluate_raw(self) -> Dict[str, float]:
        """Evaluate the weights as they are, without hooks."""
        self.runner.model.eval()
        # the loader draws a seed, which the training would miss
        with torch.random.fork_rng(devices=[]):
            for data_batch in self.dataloader:
                with autocast(enabled=self.fp16):
                    outputs = self.runner.model.val_step(data_batch)
                self.evaluator.process(
                    data_samples=outputs, data_batch=data_batch)
        return self.evaluator.evaluate(len(self.dataloader.dataset))


def refuse_empty_loader(dataloader: DataLoader) -> None:
    """End a training that would have no iteration.

    Args:
        dataloader (DataLoader): Of the training.

    Raises:
        ValueError: If it gives no batch.
    """
    if len(dataloader) > 0:
        return
    num_samples = len(dataloader.dataset)
    remedy = 'check ann_file, subset and the folder of the features'
    if num_samples:
        # with several processes, of one of them
        num_drawn = len(dataloader.sampler)
        remedy = (f'set train_dataloader.batch_size={num_drawn} or '
                  'train_dataloader.drop_last=False, or add videos')
    raise ValueError(
        'train_dataloader must give at least one batch, but got '
        f'{num_samples} samples for batch_size={dataloader.batch_size} and '
        f'drop_last={dataloader.drop_last}; {remedy}')
