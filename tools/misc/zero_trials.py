"""Causes of a low mAP that show in detections: each is tried corrected."""
import copy
import math
import os.path as osp
import tempfile
from functools import cached_property
from typing import (Any, Callable, Dict, Iterator, List, NamedTuple, Optional,
                    Tuple)

import numpy as np
import torch
from dataset_survey import DATA_ERRORS, Survey
from error_findings import Finding
from error_inputs import Model, fill_durations
from error_summary import summarize
from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from scipy.optimize import linear_sum_assignment
from torch import nn
from zero_causes import Cause

from dyfadet_mm.apis.checkpoint_config import NoConfigError, saved_config
from dyfadet_mm.engine.hooks.gate_watch_hook import GateCounter
from dyfadet_mm.evaluation import (BaseTADMetric, analyze_errors,
                                   detail_errors, tad_map)
from dyfadet_mm.fileio import brief
from dyfadet_mm.utils.gates import find_gates
from dyfadet_mm.utils.weights import raw_weights

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)
# mAP below which a sound detector is not to be expected
LOW = 0.3
# of published recipes
SCORE_THR = 0.001
# the shortest training in docs/training.md that is of use has 240
FEW_ITERATIONS = 200
# of the test data, which the times of detections and the features depend on
DATA_KEYS = ('feat_stride', 'feat_num_frames', 'fps', 'data_prefix',
             'file_prefix', 'file_suffix', 'pipeline')
Videos = Dict[str, dict]


class Outcome(NamedTuple):
    """What a test gives.

    Attributes:
        predictions (dict): By video id, as of :func:`tad_map`.
        ground_truth (dict): By video id.
        classes (Sequence[str]): Names in label order.
        gates (dict): Share of open gates by layer, as of ``GateWatchHook``.
        model (nn.Module): The detector.
    """

    predictions: Videos
    ground_truth: Videos
    classes: tuple
    gates: Dict[str, float]
    model: nn.Module


class Keeper(BaseTADMetric):
    """Keeps detections and ground truth, and scores nothing."""

    def score(self, predictions: Videos,
              ground_truth: Videos) -> Dict[str, float]:
        """Keep them."""
        self.kept = predictions, ground_truth
        return dict(kept=1.)


def evaluate(cfg: Config,
             checkpoint: str,
             change: Callable = lambda model: None) -> Outcome:
    """Test as ``tools/test.py`` does, but with weights that do not fit.

    Args:
        cfg (Config): Whole config.
        checkpoint (str): Path or address of the weights.
        change (Callable): Gets the model, to change it. Defaults to nothing.

    Returns:
        Outcome: Detections, and more.
    """
    cfg = copy.deepcopy(cfg)
    with tempfile.TemporaryDirectory() as folder:
        cfg.merge_from_dict(
            dict(
                work_dir=folder,
                experiment_name=osp.basename(folder),
                load_from=checkpoint,
                resume=False,
                log_level='ERROR'))
        # which would read the file of the config once more
        cfg.get('default_hooks', {}).pop('settings_check', None)
        build = RUNNERS.build if 'runner_type' in cfg else Runner.from_cfg
        runner = build(cfg)
        keeper = Keeper(THRESHOLDS)
        runner.test_loop.evaluator.metrics = [keeper]
        change(runner.model)
        gates = {
            each.name: GateCounter(each)
            for each in find_gates(runner.model)
        }
        for each in gates.values():
            each.start()
        runner.test()
    counts = {name: each.stop().tolist() for name, each in gates.items()}
    return Outcome(*keeper.kept,
                   runner.test_loop.dataloader.dataset.metainfo['classes'], {
                       k: n / total
                       for k, (n, total) in counts.items() if total
                   }, runner.model)


def thresholds_of(cfg: Config) -> List[float]:
    """The tIoU of the metric of a config, or the usual ones."""
    metrics = cfg.get('test_evaluator') or []
    metrics = metrics if isinstance(metrics, (list, tuple)) else [metrics]
    found = [x.tiou_thresholds for x in metrics if 'tiou_thresholds' in x]
    return list(found[0] if found else THRESHOLDS)


class Trials:
    """The detections of a checkpoint, and what becomes of mAP if mended.

    Args:
        cfg (Config): Whole config.
        source (str): Path or address of the checkpoint.
        checkpoint (dict): The same, loaded.
        tests (list[Survey]): The test data.

    Attributes:
        outcome (Outcome): Of the test as it is.
        value (float): Its average mAP, a fraction.
    """

    def __init__(self, cfg: Config, source: str, checkpoint: Dict[str, Any],
                 tests: List[Survey]) -> None:
        self.cfg, self.source, self.checkpoint = cfg, source, checkpoint
        self.durations = {
            video_id: video.info['duration']
            for test in tests
            for video_id, video in test.videos.items()
        }
        self.tiou = thresholds_of(cfg)
        self.outcome = evaluate(cfg, source)
        self.value = self.score(self.outcome.predictions)

    def score(self, predictions: Videos, agnostic: bool = False) -> float:
        """Average mAP of detections.

        Args:
            predictions (dict): By video id.
            agnostic (bool): Take all classes for one. Defaults to False.

        Returns:
            float: A fraction.
        """
        videos = [predictions, self.outcome.ground_truth]
        if agnostic:
            videos = [{
                k: dict(v, labels=np.zeros_like(v['labels']))
                for k, v in each.items()
            } for each in videos]
        return tad_map(*videos, self.tiou)['average_mAP']

    def helps(self, mended: Optional[float]) -> bool:
        """Whether that mAP is more than what chance makes better."""
        return mended is not None and mended > max(self.value + 0.05,
                                                   1.2 * self.value)

    def retest(self, *args, **kwargs) -> Optional[float]:
        """mAP of another test, None if it ends in an error.

        Args:
            args, kwargs: Of :func:`evaluate`.

        Returns:
            float, optional: A fraction.
        """
        try:
            return self.score(evaluate(*args, **kwargs).predictions)
        except (*DATA_ERRORS, RuntimeError):
            return None

    @property
    def is_low(self) -> bool:
        """bool: Whether mAP is lower than what one would expect."""
        return self.value < LOW

    def causes(self) -> List[Cause]:
        """Try everything, cheap trials first.

        Returns:
            list[Cause]: Where mAP gains, or where it is low and something is
            seen that cannot be mended without training.
        """
        checks = [self.gates, self.findings, self.classes]
        if self.is_low:
            checks = [
                self.gates, self.threshold, self.scores, self.findings,
                self.raw_weights, self.settings, self.classes, self.epochs
            ]
        found: List[Cause] = []
        for check in checks:
            found += check()
        names = {cause.name for cause in found}
        if 'swapped labels' in names:  # wrong, but in an order
            names.discard('classes are wrong')
        return [cause for cause in found if cause.name in names]

    def gates(self) -> Iterator[Cause]:
        """Layers whose gates are shut at all cells."""
        shut = [k for k, share in self.outcome.gates.items() if not share]
        if shut and (self.is_low or len(shut) == len(self.outcome.gates)):
            yield Cause(
                'gates are shut', f'{len(shut)} of {len(self.outcome.gates)} '
                f'gated layers are shut at all cells of all videos, the first '
                f'is {shut[0]}: they put out a constant',
                'Train with model.head.trains_shut=True or a greater '
                'model.head.gate_bias, see docs/training.md.')

    def threshold(self) -> Iterator[Cause]:
        """Detections that are kept back for their scores."""
        post = getattr(self.outcome.model, 'postprocessor', None)
        if post is None:
            return
        limits = dict(score_thr=post.score_thr)
        if post.nms is not None:
            limits['nms.min_score'] = post.nms.get('min_score', 0.)
        name = max(limits, key=limits.get)
        if limits[name] <= SCORE_THR:
            return

        def lower(model: nn.Module) -> None:
            model.postprocessor.score_thr = SCORE_THR
            if post.nms is not None:
                model.postprocessor.nms = dict(post.nms, min_score=SCORE_THR)

        lowered = evaluate(self.cfg, self.source, lower).predictions
        mended = self.score(lowered)
        best = max(
            [0., *(v['scores'].max(initial=0) for v in lowered.values())])
        if self.helps(mended) or not self.num_detections:
            yield Cause(
                'score threshold',
                f'{name} is {limits[name]:g}, and {self.num_detections} '
                f'detections are above; the best score is {best:.3g}',
                f'Set model.postprocessor.{name}={SCORE_THR}.', mended)

    @property
    def num_detections(self) -> int:
        """int: Of all videos."""
        return sum(len(v['scores']) for v in self.outcome.predictions.values())

    def scores(self) -> Iterator[Cause]:
        """Scores that do not depend on the video."""
        videos = self.outcome.predictions.values()
        last = max([0, *(v['labels'].max(initial=0) for v in videos)])
        best = np.zeros((len(videos), last + 1))
        for row, video in zip(best, videos):
            np.maximum.at(row, video['labels'], video['scores'])
        spread = np.ptp(best, axis=0).max() if len(best) > 1 else np.inf
        if best.any() and spread < 1e-3:
            yield Cause(
                'scores are all the same',
                f'the best score of a class differs by {spread:.1g} at most '
                f'among {len(best)} videos, from {best.min():.3g} to '
                f'{best.max():.3g} among the classes',
                'The classifier does not see the features: look at the '
                'losses of the training, and at the weights that were loaded.')

    def findings(self) -> Iterator[Cause]:
        """Times and labels, by the rules of the error analysis."""
        predictions, details = self.outcome.predictions, self.details
        fit = details['alignment']
        mended = {
            'factor of times': lambda: move(predictions, fit['factor'], 0.),
            'shift of times': lambda: move(predictions, 1., fit['shift_s']),
            'swapped labels':
            lambda: relabel(predictions, **details['confusion']),
        }
        for each in self.summary:
            if each.fault in mended:
                value = self.score(mended[each.fault]())
                if self.helps(value):
                    yield Cause(each.fault, each.sentence, each.advice, value)
            elif each.fault == 'no detections':
                yield Cause(each.fault, each.sentence, each.advice)

    @property
    def details(self) -> dict:
        """dict: As of :func:`detail_errors`."""
        return self._analysis[1]

    @property
    def summary(self) -> List[Finding]:
        """list[Finding]: Of the error analysis."""
        return summarize(*self._analysis, self.outcome.classes)

    @cached_property
    def _analysis(self) -> Tuple[dict, dict]:
        """Errors and details of the detections, as they are."""
        predictions = self.outcome.predictions
        truth = {
            k: dict(v, duration=self.durations.get(k, math.inf))
            for k, v in self.outcome.ground_truth.items()
        }
        fill_durations(truth, [Model('', predictions, 0)])
        durations = {k: v['duration'] for k, v in truth.items()}
        return (analyze_errors(predictions, truth, durations, self.tiou),
                detail_errors(predictions, truth, durations))

    def raw_weights(self) -> Iterator[Cause]:
        """The weights that were trained, beside the averaged ones."""
        weights = raw_weights(self.checkpoint)
        if weights is None:
            return
        content = dict(meta=self.checkpoint.get('meta'), state_dict=weights)
        with tempfile.TemporaryDirectory() as folder:
            path = osp.join(folder, 'raw.pth')
            torch.save(content, path)
            mended = self.retest(self.cfg, path)
        if self.helps(mended):
            yield Cause(
                'averaged weights',
                'the raw weights (ema_state_dict of the checkpoint) are '
                'better than the averaged ones (state_dict)',
                'Average over fewer iterations (ema of the config) or train '
                "longer; val_cfg=dict(type='EMAValLoop') watches both.",
                mended)

    def settings(self) -> Iterator[Cause]:
        """What the training had otherwise, by the config it saved."""
        try:
            saved = saved_config(self.checkpoint)
        except NoConfigError:
            return
        own, old = (dict(flatten(relevant(cfg))) for cfg in (self.cfg, saved))
        other = [k for k in old if k in own and old[k] != own[k]]
        if not other:
            return
        cfg = copy.deepcopy(self.cfg)
        cfg.merge_from_dict({k: old[k] for k in other}, allow_list_keys=True)
        mended = self.retest(cfg, self.source)
        if mended is None or self.helps(mended):
            listed = '; '.join(f'{k} is {brief(own[k])}, not {brief(old[k])}'
                               for k in other[:5])
            yield Cause(
                'settings', f'{len(other)} settings are not those of the '
                f'training: {listed}',
                'Test with the config that the training saved.', mended)

    def classes(self) -> Iterator[Cause]:
        """Segments that are found under any wrong label."""
        mended = self.score(self.outcome.predictions, agnostic=True)
        if mended > max(LOW, 3 * self.value):
            yield Cause(
                'classes are wrong', 'segments are found, and their classes '
                'are wrong without any order: mAP of all classes as one',
                'Look at loss_cls and the number of classes in training; '
                'another class list or other annotations than those of the '
                'training do this, too.', mended)

    def epochs(self) -> Iterator[Cause]:
        """A training that has only begun."""
        meta = self.checkpoint.get('meta') or {}
        epoch, iteration = meta.get('epoch'), meta.get('iter')
        total = (self.cfg.get('train_cfg') or {}).get('max_epochs')
        if isinstance(epoch, int) and total and epoch < total / 2:
            yield Cause('training has not finished',
                        f'the checkpoint is of epoch {epoch} of {total}',
                        'Train on: tools/train.py --resume.')
        elif isinstance(iteration, int) and iteration < FEW_ITERATIONS:
            yield Cause(
                'training is too short',
                f'the checkpoint is of iteration {iteration}; no recipe ends '
                f'before {FEW_ITERATIONS}', 'Train for more epochs, or with '
                'smaller batches (max_epochs and batch_size of the config).')


def move(predictions: Videos, factor: float, shift: float) -> Videos:
    """Detections with other times, in seconds."""
    return {
        k: dict(v, segments=v['segments'] * factor + shift)
        for k, v in predictions.items()
    }


def relabel(predictions: Videos, labels: np.ndarray,
            counts: np.ndarray) -> Videos:
    """Detections with the labels that fit best, each to one class.

    Args:
        predictions (dict): By video id.
        labels (ndarray): As of :func:`confuse_classes`, (A, ).
        counts (ndarray): As there, (A + 1, A + 1).

    Returns:
        dict: By video id.
    """
    true, detected = linear_sum_assignment(-counts[:-1, :-1])
    order = labels.copy()
    order[detected] = labels[true]
    return {
        k: dict(v, labels=order[np.searchsorted(labels, v['labels'])])
        for k, v in predictions.items()
    }


def relevant(cfg: Config) -> dict:
    """What the detections depend on, beside weights and videos."""
    model = copy.deepcopy(dict(cfg.get('model') or {}))
    model.pop('train_dataset', None)
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    dataset = {k: dataset[k] for k in DATA_KEYS if k in dataset}
    return dict(model=model, test_dataloader=dict(dataset=dataset))


def flatten(node: Any, prefix: str = '') -> Iterator[tuple]:
    """Dotted keys of nested dicts and lists, and their values."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        if isinstance(value, (dict, list, tuple)) and value:
            yield from flatten(value, f'{prefix}{key}.')
        else:
            yield f'{prefix}{key}', value
