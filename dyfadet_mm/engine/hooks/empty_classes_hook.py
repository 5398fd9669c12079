from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner

from dyfadet_mm.fileio import find_empty_classes
from dyfadet_mm.registry import HOOKS
from .wrapped_datasets import unwrap_datasets
from .wrapped_model import unwrap_model


@HOOKS.register_module()
class EmptyClassesHook(Hook):
    """Starts classes without data at a probability near zero.

    Which classes have no action in any subset, such as seven nouns of
    EPIC-Kitchens-100, is known once the annotations are read: a data set
    names them ``class_<label>``. Their scores are lowered before the running
    average of the weights starts, and before a checkpoint is loaded, which
    knows better.
    """

    priority = 'VERY_HIGH'  # EMAHook copies the model at the same point

    def before_run(self, runner: Runner) -> None:
        """Lower the bias of these classes.

        Args:
            runner (Runner): The runner of the training process; in testing
                nothing is done.
        """
        if not isinstance(runner._train_loop, BaseLoop):
            return
        model = unwrap_model(runner.model)
        for dataset in unwrap_datasets(runner.train_loop.dataloader.dataset):
            labels = find_empty_classes(dataset.metainfo['classes'])
            model.head.lower_classes(labels)
            if labels:
                runner.logger.info(
                    f'{len(labels)} classes without data start at a '
                    f'probability near zero: {labels}')
