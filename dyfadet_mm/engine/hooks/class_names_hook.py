import logging
from typing import Any, Optional, Sequence, Tuple

from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from torch import nn

from dyfadet_mm.registry import FUNCTIONS, HOOKS
from dyfadet_mm.utils.weights import check_weights
from .runner_parts import built_train_loop, unwrap_datasets, unwrap_model

Names = Tuple[str, ...]


@HOOKS.register_module()
class ClassNamesHook(Hook):
    """Let a label mean the same class wherever it occurs.

    The names of a model's classes, in label order, are those of its training
    data set, and later those that its checkpoint holds in ``dataset_meta``.
    Data sets of validation and testing number their actions by these names.
    Classes that the model does not know come behind them, so that their
    actions count as missed; where no name agrees the run is refused.

    Weights without names, such as converted ones, are taken to have the
    classes of the data in label order, if they are as many. Class-agnostic
    data sets keep their names, and models without ``head.num_classes`` are
    not checked.
    """

    priority = 'VERY_HIGH'  # EMAHook copies the model at the same point

    def __init__(self) -> None:
        self._names: Optional[Names] = None

    def before_run(self, runner: Runner) -> None:
        """Take the names from the training data, if there is a training.

        Args:
            runner (Runner): Of any process.

        Raises:
            ValueError: If the model has fewer classes than the data, or the
                data sets have no class in common.
        """
        train_loop = built_train_loop(runner)
        if train_loop is None:
            return
        model = unwrap_model(runner.model)
        if hasattr(model, 'fix_classes'):
            model.fix_classes()
        data = _data_sets(train_loop)
        if not data:
            return
        self._names = data[0].metainfo['classes']
        agnostic = getattr(data[0], 'class_agnostic', False)
        _check_number(runner, model, 1 if agnostic else len(self._names))
        self._number_all(runner)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take the names from a checkpoint, unless in training.

        Args:
            runner (Runner): Of any process.
            checkpoint (dict): As loaded; the model has not got it yet.

        Raises:
            ValueError: If a training is resumed with other classes, the data
                has no class of the checkpoint, or that has no weights.
        """
        check_weights(checkpoint, str(runner._load_from))
        meta = (checkpoint.get('meta') or {}).get('dataset_meta') or {}
        names = meta.get('classes', meta.get('CLASSES'))
        names = None if names is None else tuple(names)
        if built_train_loop(runner) is None:
            self._names = names
            if names is not None:
                self._number_all(runner)
        elif None not in (names, self._names) and names != self._names:
            text = (f'the checkpoint has the classes {_some(names)}, but the '
                    f'training data {_some(self._names)}')
            if runner._resume:
                raise ValueError(f'{text}, in this order: resuming needs the '
                                 'same; start from these weights with '
                                 'load_from instead of --resume')
            runner.logger.warning(f'{text}: its classifier is a start only')

    def before_val(self, runner: Runner) -> None:
        """Number the data of validation where no weights were loaded.

        Args:
            runner (Runner): Of the validation.
        """
        self._without_names(runner, runner.val_loop)

    def before_test(self, runner: Runner) -> None:
        """Number the data of testing where no names are known.

        Args:
            runner (Runner): Of the test.

        Raises:
            ValueError: If the weights have no names, and another number of
                classes than the data.
        """
        self._without_names(runner, runner.test_loop)

    def _number_all(self, runner: Runner) -> None:
        """Number the data of the loops that are built."""
        for loop in (runner._val_loop, runner._test_loop):
            if isinstance(loop, BaseLoop):
                self._number(runner, loop, self._names)

    def _number(self, runner: Runner, loop: BaseLoop, names: Names) -> None:
        """Let the data sets of a loop number their classes by ``names``."""
        data = _data_sets(loop)
        if not data or any(getattr(x, 'class_agnostic', False) for x in data):
            return
        for each in data:
            own = each.metainfo['classes']
            if own and not set(own) & set(names):
                raise ValueError(
                    f'{each.ann_file!r} must have classes of the model, '
                    f'{_some(names)}, but got {_some(own)}; correct the '
                    'labels, or choose the weights or the file')
        dataset = loop.dataloader.dataset
        found = FUNCTIONS.get('use_classes')(dataset, names)
        meta = dict(dataset.metainfo, classes=found)
        loop.evaluator.dataset_meta = runner.visualizer.dataset_meta = meta
        if len(found) > len(names):
            runner.logger.warning(
                f'{data[0].ann_file!r} has classes that the model does not '
                f'know, {_some(found[len(names):])}: their actions count as '
                f'missed; the classes of the model are {_some(names)}')

    def _without_names(self, runner: Runner, loop: BaseLoop) -> None:
        """The classes of the data stand for those of weights without names."""
        data = _data_sets(loop)
        number = _num_classes(unwrap_model(runner.model))
        if self._names is not None or not data or number is None:
            return
        own = data[0].metainfo['classes']
        if getattr(data[0], 'class_agnostic', False):
            own = own[:1] or ('action', )
        if not own:
            runner.logger.warning(
                'neither the weights nor the annotations name any class: '
                'detections are called class_0, class_1, ...; give '
                'metainfo=dict(classes=...) to name them')
            self._number(runner, loop,
                         tuple(f'class_{i}' for i in range(number)))
        elif len(own) != number:
            raise ValueError(
                f'the weights have {number} classes without names, but '
                f'{data[0].ann_file!r} has {len(own)}: {_some(own)}; name '
                "those of the weights in label order, in the data set's "
                'metainfo=dict(classes=...)')


def _data_sets(loop: Any) -> list:
    """The data sets of a loop that can number their classes."""
    return [
        each for each in unwrap_datasets(loop.dataloader.dataset)
        if hasattr(each, 'use_classes')
    ]


def _num_classes(model: nn.Module) -> Optional[int]:
    """Classes of the head of a model, if it says."""
    return getattr(getattr(model, 'head', None), 'num_classes', None)


def _check_number(runner: Runner, model: nn.Module, found: int) -> None:
    """Compare the classes of the training data with the head's.

    A head with more classes is legal, since some may have no data.
    """
    number = _num_classes(model)
    if number is None or number == found:
        return
    if number < found:
        raise ValueError(
            'model.head.num_classes must be at least the number of classes '
            f'of train_dataloader.dataset, {found}, but got {number}; leave '
            'it out, or name fewer classes in metainfo=dict(classes=...), or '
            'set class_agnostic=True of the data set for a head of one class')
    runner.logger.log(
        logging.WARNING, f'model.head.num_classes is {number}, but '
        f'train_dataloader.dataset has only {found} classes')


def _some(names: Sequence[str], most: int = 20) -> str:
    """Names for a message, the first ones of many."""
    more = f', and {len(names) - most} more' if len(names) > most else ''
    return f'{list(names[:most])}{more}'
