from mmengine.hooks import Hook
from mmengine.runner import Runner

from dyfadet_mm.fileio import find_empty_classes
from dyfadet_mm.registry import HOOKS
from .runner_parts import built_train_loop, unwrap_datasets, unwrap_model


@HOOKS.register_module()
class EmptyClassesHook(Hook):
    """Starts classes without data at a probability near zero.

    Which classes have no action in any subset, such as seven nouns of
    EPIC-Kitchens-100, is known once the annotations are read: a data set
    names them ``class_<label>``. Their scores are lowered once, after MMEngine
    has initialised the weights, and before a checkpoint is loaded, which
    knows better. The running average of EMAHook begins with the weights after
    the first iteration, and so has them too.
    """

    def __init__(self) -> None:
        self._done = False

    def before_run(self, runner: Runner) -> None:
        """Note that the weights will be initialised.

        Args:
            runner (Runner): The runner.
        """
        self._done = False

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Lower the bias when a checkpoint is read, but not loaded yet.

        Args:
            runner (Runner): The runner; in testing nothing is done.
            checkpoint (dict): Not used.
        """
        self._lower(runner)

    def before_train(self, runner: Runner) -> None:
        """Lower the bias where no checkpoint was loaded.

        Args:
            runner (Runner): The runner of the training process.
        """
        self._lower(runner)

    def _lower(self, runner: Runner) -> None:
        """Lower the bias of the classes that the training data lacks."""
        loop = built_train_loop(runner)
        if loop is None or self._done:
            return
        self._done = True
        head = getattr(unwrap_model(runner.model), 'head', None)
        for dataset in unwrap_datasets(loop.dataloader.dataset):
            classes = getattr(dataset, 'metainfo', {}).get('classes') or ()
            labels = find_empty_classes(classes)
            if labels and hasattr(head, 'lower_classes'):
                head.lower_classes(labels)
                runner.logger.info(
                    f'{len(labels)} classes without data start at a '
                    f'probability near zero: {labels}')
