from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner

from dyfadet_mm.registry import HOOKS
from .wrapped_datasets import unwrap_datasets
from .wrapped_model import unwrap_model


@HOOKS.register_module()
class ScoreFusionHook(Hook):
    """Tell the score fusion of a model which classes and videos will come.

    Scores are then put into the class order of the data set by name, and a
    score file with other classes or without some of the videos ends the run
    at its start. Models without ``score_fusion`` are left alone.
    """

    def before_train(self, runner: Runner) -> None:
        """Check the data of validation before it is late.

        Args:
            runner (Runner): The runner of the training process.

        Raises:
            ValueError: If the score file does not fit the data.
        """
        if runner.val_loop is not None:
            self._bind(runner, runner.val_loop)

    def before_val(self, runner: Runner) -> None:
        """Announce the data of validation, see :meth:`before_train`."""
        self._bind(runner, runner.val_loop)

    def before_test(self, runner: Runner) -> None:
        """Announce the data of testing, see :meth:`before_train`."""
        self._bind(runner, runner.test_loop)

    def _bind(self, runner: Runner, loop: BaseLoop) -> None:
        """Announce the data sets of one loop."""
        model = unwrap_model(runner.model)
        fusion = getattr(model, 'score_fusion', None)
        if fusion is None:
            return
        for dataset in unwrap_datasets(loop.dataloader.dataset):
            videos = [
                dataset.get_data_info(index)['video_id']
                for index in range(len(dataset))
            ]
            fusion.bind(dataset.metainfo['classes'], videos)
