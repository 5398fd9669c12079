from typing import Dict

from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from dyfadet_mm.registry import HOOKS
from .built_loop import built_train_loop


@HOOKS.register_module()
class TADCheckpointHook(CheckpointHook):
    """``CheckpointHook`` that saves nothing where nothing is trained.

    MMEngine's hook looks for the best checkpoint in ``Runner.val()`` too: it
    builds the training data, and fails since the training has not begun.
    """

    def after_val_epoch(self, runner: Runner, metrics: Dict[str,
                                                            float]) -> None:
        """Keep the best checkpoint of a training.

        Args:
            runner (Runner): The runner of training or validation.
            metrics (dict): Metrics by name.
        """
        if built_train_loop(runner) is not None:
            super().after_val_epoch(runner, metrics)
