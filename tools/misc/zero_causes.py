"""Causes of a low mAP that checkpoint, config and data show by themselves."""
import argparse
import copy
import re
from collections import Counter
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from check_dataset import inspect
from dataset_survey import Survey
from mmengine.config import Config
from mmengine.runner.checkpoint import _load_checkpoint_to_model
from torch import Tensor

from dyfadet_mm.fileio import brief
from dyfadet_mm.registry import MODELS

# errors in the data by which there is nothing to test
FATAL = ('annotation file', 'subset', 'entries', 'reversed actions', 'actions',
         'missing features', 'unreadable features', 'NaN or infinity',
         'transposed features', 'feature dimension', 'pipeline',
         'class scores')
# and those that cost mAP if half of the videos have them, the surest first
COMMON = ('identical features', 'feature values', 'stride and fps', 'seconds',
          'labels', 'actions outside', 'durations')


class Cause(NamedTuple):
    """Something that may be why mAP is low.

    Attributes:
        name (str): In a few words.
        figure (str): What was seen, with its numbers.
        remedy (str): What to do, empty if ``figure`` says it.
        mended (float): mAP where it is corrected, a fraction; None if that
            cannot be tried.
    """

    name: str
    figure: str
    remedy: str
    mended: Optional[float] = None


def weights_of(checkpoint: Dict[str, Any]) -> Dict[str, Tensor]:
    """The weights of a checkpoint by their names in the model.

    Args:
        checkpoint (dict): As loaded.

    Returns:
        dict: Tensors by name.
    """
    state = checkpoint.get('state_dict', checkpoint)
    return {
        re.sub(r'^module\.', '', name): x
        for name, x in state.items() if isinstance(x, Tensor)
    }


def check_numbers(state: Dict[str, Tensor]) -> Iterator[Cause]:
    """Look for weights that are no numbers, or all zero.

    Args:
        state (dict): As of :func:`weights_of`.

    Yields:
        Cause: What is wrong.
    """
    floats = {k: x for k, x in state.items() if x.is_floating_point()}
    bad = [name for name, x in floats.items() if x.isnan().any()]
    if bad:
        yield Cause(
            'weights are NaN', f'{len(bad)} of {len(floats)} weights of the '
            f'checkpoint have NaN, the first is {bad[0]!r}',
            'The training diverged: take an earlier checkpoint, and train '
            'with a lower learning rate or without mixed precision.')
    # some are zero by intention, as the published initialisation
    kernels = {k: x for k, x in floats.items() if x.ndim > 1}
    zero = [name for name, x in kernels.items() if not x.any()]
    if 2 * len(zero) > len(kernels) or any('conv_cls' in x for x in zero):
        yield Cause(
            'weights are zero', f'{len(zero)} of {len(kernels)} kernels of '
            f'the checkpoint are all zero, the first is {zero[0]!r}',
            'See how the file was made; take another checkpoint.')


def check_fit(cfg: Config, checkpoint: Dict[str, Any]) -> Iterator[Cause]:
    """Compare the weights with those that the model of the config needs.

    MMEngine's runner only warns of others, and tests with what it has drawn.

    Args:
        cfg (Config): Whole config.
        checkpoint (dict): As loaded.

    Yields:
        Cause: What did not load.
    """
    model = MODELS.build(copy.deepcopy(cfg.model))
    # the head takes over the number of classes
    _load_checkpoint_to_model(model, checkpoint, False, 'silent')
    state, own = weights_of(checkpoint), model.state_dict()
    missing = [k for k in own if k not in state]
    unexpected = [k for k in state if k not in own]
    shapes = [k for k in own if k in state and own[k].shape != state[k].shape]
    texts = [
        f'{len(names)} {what}, the first is {names[0]!r}'
        for names, what in ((missing, 'are not in the checkpoint'),
                            (shapes, 'have another shape there'),
                            (unexpected, 'of the checkpoint have no place'))
        if names
    ]
    if missing or shapes:
        yield Cause(
            'weights that did not load',
            f'of {len(own)} weights of the model {"; ".join(texts)}',
            'Give the config that the checkpoint was trained with, or '
            'convert the checkpoint (tools/model_converters).')


def check_classes(checkpoint: Dict[str, Any], test: Survey) -> Iterator[Cause]:
    """Compare the classes of a checkpoint with those of the test data.

    Args:
        checkpoint (dict): As loaded.
        test (Survey): The test data.

    Yields:
        Cause: What does not fit.
    """
    meta = (checkpoint.get('meta') or {}).get('dataset_meta') or {}
    names = meta.get('classes', meta.get('CLASSES'))
    bias = weights_of(checkpoint).get('head.conv_cls.bias')
    number = None if bias is None else len(bias)
    if number == 1:  # class-agnostic
        return
    if None not in (names, number) and len(names) != number:
        yield Cause(
            'number of classes', f'the classifier has {number} classes, but '
            f'the checkpoint names {len(names)}',
            'Write the names of its classes, in label order, into '
            "meta['dataset_meta']['classes'] of the checkpoint.")
    if not test.classes:
        return
    if names is None:
        if number is not None and number != len(test.classes):
            yield Cause(
                'number of classes', f'the checkpoint has {number} classes '
                f'without names, but the test data {len(test.classes)}',
                'Name those of the checkpoint in the metainfo=dict('
                'classes=...) of the test data, in label order.')
        return
    counts = Counter(test.classes[label] for video in test.videos.values()
                     for label in video.labels)
    lost = [name for name in counts if name not in names]
    share = sum(counts[name] for name in lost) / max(sum(counts.values()), 1)
    if share > 0.5:
        yield Cause(
            'class names', f'{100 * share:.1f} % of the actions are of '
            f'{len(lost)} classes that the checkpoint does not know, such as '
            f'{brief(lost[:3])}; it knows {brief(list(names[:3]))}',
            'Classes are matched by name: choose the checkpoint or the '
            'annotations, or rename the labels.')


def check_data(
        cfg: Config, args: argparse.Namespace
) -> Tuple[List[Survey], List[Cause], List[Cause]]:
    """Check the test data, and the training data where it is there.

    Args:
        cfg (Config): Whole config.
        args (Namespace): Command line, with ``max_videos`` and ``jobs``.

    Returns:
        tuple: What is known of the test data; errors by which no test runs;
        and what may cost mAP. See ``check_dataset.py``.
    """
    cfg = copy.deepcopy(cfg)
    # of which nothing is asked; the data of validation may be a twin
    cfg.val_dataloader = cfg.train_cfg = None
    report = inspect(cfg, argparse.Namespace(videos=None, **vars(args)))
    tests = [each for each in report.surveys if each.name.startswith('test')]
    total = sum(len(each.videos) for each in tests)
    found: Dict[str, List[Cause]] = {name: [] for name in (*FATAL, *COMMON)}
    for each in report.findings:
        counts = each.check in FATAL or 2 * each.count >= total
        is_bad = each.severity == 'error' or each.check == 'feature values'
        if each.check in found and 'test' in each.data and counts and is_bad:
            # the message says what to do
            found[each.check].append(
                Cause(each.check, f'{each.data}: {each.message}', ''))
    certain, suspects = ([cause for name in names for cause in found[name]]
                         for names in (FATAL, COMMON))
    return tests, certain, suspects
