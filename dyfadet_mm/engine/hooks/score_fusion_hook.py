from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from torch import nn
from torch.utils.data import Dataset

from dyfadet_mm.registry import HOOKS
from .runner_parts import unwrap_datasets, unwrap_model


@HOOKS.register_module()
class ScoreFusionHook(Hook):
    """Tell the score fusion of a model which classes and videos will come.

    The score file is then read, and its scores are put into the class order
    of the data set by name. A file that is missing, or has other classes, or
    lacks some of the videos ends the run at its start. Models without
    ``score_fusion`` are left alone.
    """

    def before_train(self, runner: Runner) -> None:
        """Check the data of validation before it is late.

        Args:
            runner (Runner): The runner of the training process.

        Raises:
            FileNotFoundError: If there is no score file.
            ValueError: If it does not fit the data.
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
        bind_scores(unwrap_model(runner.model), loop.dataloader.dataset)


def bind_scores(model: nn.Module, data: Dataset) -> None:
    """Tell the score fusion of a model which classes and videos will come.

    Args:
        model (nn.Module): Left alone if it has no ``score_fusion``.
        data (Dataset): One or several, maybe in wrappers.

    Raises:
        FileNotFoundError: If there is no score file.
        ValueError: If it does not fit the data.
    """
    fusion = getattr(model, 'score_fusion', None)
    if fusion is None:
        return
    for dataset in unwrap_datasets(data):
        videos = [
            dataset.get_data_info(index)['video_id']
            for index in range(len(dataset))
        ]
        fusion.bind(dataset.metainfo['classes'], videos)
