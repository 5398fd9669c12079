from typing import Any, Optional

from mmengine.hooks import Hook
from mmengine.runner import Runner

from dyfadet_mm.registry import HOOKS, MODELS
from .runner_parts import unwrap_model


@HOOKS.register_module()
class PositivesCheckHook(Hook):
    """Warn if no action has reached any cell of a whole first epoch.

    Such a training learns nothing but background, and its losses look well.
    It counts in the ``LossNormalizer`` of the model, and reads the count
    once; a model without one is left alone. A loop by iterations is judged
    after as many of them as its loader has batches.
    """

    def before_train(self, runner: Runner) -> None:
        """Find the end of the first epoch.

        Args:
            runner (Runner): The runner of the training process.
        """
        loop = runner.train_loop
        self._end = min(loop.iter + len(loop.dataloader), loop.max_iters)

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: Any = None,
                         outputs: Optional[dict] = None) -> None:
        """Read the count at the end of the first epoch.

        Args:
            runner (Runner): The runner of the training process.
            batch_idx (int): Not used.
            data_batch (Any): Not used.
            outputs (dict, optional): Not used.
        """
        if runner.iter + 1 != self._end:
            return
        kind = MODELS.get('LossNormalizer')
        counts = [
            float(module.num_positives)
            for module in unwrap_model(runner.model).modules()
            if isinstance(module, kind)
        ]
        if counts and not any(counts):
            num_videos = len(runner.train_dataloader.dataset)
            runner.logger.warning(
                'no action has reached any cell of any of the '
                f'{num_videos} training videos in the first epoch, so that '
                'nothing but background is learnt: check that segments are '
                'in seconds (not frames), and feat_stride, feat_num_frames '
                'and fps; tools/analysis_tools/check_dataset.py CONFIG says '
                'more')
