from typing import Optional

from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner

from dyfadet_mm.registry import HOOKS
from .wrapped_datasets import unwrap_datasets
from .wrapped_model import unwrap_model


@HOOKS.register_module()
class NumClassesCheckHook(Hook):
    """Refuse a model whose head has fewer classes than the data.

    The number of ``metainfo['classes']`` of each dataset is compared with
    ``num_classes`` of the model's head before training, validation and
    testing. A dataset with ``class_agnostic=True`` counts as one class. A
    head with more classes than the data is reported as a warning once, since
    classes without data are legal. Models without ``head.num_classes`` are
    not checked.
    """

    def __init__(self) -> None:
        self._warned = False

    def before_train(self, runner: Runner) -> None:
        """Check the data of training, and of validation before it is late.

        Args:
            runner (Runner): The runner of the training process.
        """
        self._check(runner, runner.train_loop, 'train_dataloader')
        self._check(runner, runner.val_loop, 'val_dataloader')

    def before_val(self, runner: Runner) -> None:
        """Check the data of validation.

        Args:
            runner (Runner): The runner of the validation process.
        """
        self._check(runner, runner.val_loop, 'val_dataloader')

    def before_test(self, runner: Runner) -> None:
        """Check the data of testing.

        Args:
            runner (Runner): The runner of the testing process.
        """
        self._check(runner, runner.test_loop, 'test_dataloader')

    def _check(self, runner: Runner, loop: Optional[BaseLoop],
               name: str) -> None:
        """Compare the classes of one data loader with the head.

        Args:
            runner (Runner): The runner.
            loop (BaseLoop, optional): Loop with the data loader, None if
                there is none.
            name (str): Key of the data loader in the config.

        Raises:
            ValueError: If the data has more classes than the head.
        """
        model = unwrap_model(runner.model)
        num_classes = getattr(
            getattr(model, 'head', None), 'num_classes', None)
        if num_classes is None or loop is None:
            return
        for dataset in unwrap_datasets(loop.dataloader.dataset):
            num_found = _num_classes(dataset)
            if num_found is None:
                continue
            if num_found > num_classes:
                raise ValueError(
                    'model.head.num_classes must be at least the number of '
                    f'classes of {name}.dataset, {num_found}, but got '
                    f'{num_classes}; set model.head.num_classes={num_found}, '
                    'or name fewer classes in metainfo=dict(classes=...), or '
                    'set class_agnostic=True of the dataset for a head of '
                    'one class')
            if num_found < num_classes and not self._warned:
                self._warned = True
                runner.logger.warning(
                    f'model.head.num_classes is {num_classes}, but '
                    f'{name}.dataset has only {num_found} classes')


def _num_classes(dataset: object) -> Optional[int]:
    """Number of labels of one dataset, None if it does not say."""
    if getattr(dataset, 'class_agnostic', False):
        return 1
    classes = getattr(dataset, 'metainfo', {}).get('classes')
    return None if classes is None else len(classes)
