from typing import Any, Dict, Optional, Set

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from dyfadet_mm.registry import HOOKS
from dyfadet_mm.utils.gates import (GatedLayer, find_gates, is_depth_gate,
                                    watch_gates)
from .runner_parts import describe_iteration, unwrap_model


@HOOKS.register_module()
class GateWatchHook(Hook):
    """Measure how far the gates of dynamic layers are open in training.

    ``gates/LAYER`` is the share of the valid cells of a batch, and of the
    channels or taps of the gate, at which it is above 0. The layers are
    ``DFAAtt`` and ``DFAConv1d``, as in ``head.cls_tower.layers.0.depth``. The
    shares go to the backends of the visualizer, ``scalars.json`` among them,
    and not to the printed log.

    One line of warning is given where the gate of a depth path
    (``ConvAttention``) has shut at all cells, until it opens again: such a
    path has one output for all cells. Where shut gates are trained
    (``trains_shut``), which may open them, it is given the second time in a
    row.

    Other iterations than the measured ones are left as they are, and a model
    without gates is never touched.

    Args:
        interval (int, optional): Measure every so many iterations. Defaults
            to None, once per epoch, in its last iteration.

    Raises:
        ValueError: If ``interval`` is less than 1.
    """

    priority = 'LOW'  # after LoggerHook, which logs the same iteration

    def __init__(self, interval: Optional[int] = None) -> None:
        if interval is not None and interval < 1:
            raise ValueError(f'interval must be at least 1, but got {interval}'
                             '; None measures once per epoch')
        self.interval = interval

    def before_train(self, runner: Runner) -> None:
        """Look for gates.

        Args:
            runner (Runner): The runner of the training process.
        """
        self._counters = {
            each.name: GateCounter(each)
            for each in find_gates(unwrap_model(runner.model))
        }
        self._every = self.interval or len(runner.train_dataloader)
        self._shut: Dict[str, str] = {}  # since when
        self._warned: Set[str] = set()

    def before_train_iter(self,
                          runner: Runner,
                          batch_idx: int,
                          data_batch: Any = None) -> None:
        """Begin to count where this iteration is measured.

        Args:
            runner (Runner): The runner of the training process.
            batch_idx (int): Not used.
            data_batch (Any): Not used.
        """
        if self.every_n_train_iters(runner, self._every):
            for counter in self._counters.values():
                counter.start()

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: Any = None,
                         outputs: Optional[dict] = None) -> None:
        """Read and log what was counted.

        Args:
            runner (Runner): The runner of the training process.
            batch_idx (int): Not used.
            data_batch (Any): Not used.
            outputs (dict, optional): Not used.
        """
        if not self._counters or not self.every_n_train_iters(
                runner, self._every):
            return
        counts = torch.stack([each.stop() for each in self._counters.values()])
        all_reduce(counts)  # over the processes
        shares = {
            name: num_open / total
            for name, (num_open, total) in zip(self._counters, counts.tolist())
            if total  # else it did not run, or had no valid cell
        }
        runner.visualizer.add_scalars(
            {
                f'gates/{name}': share
                for name, share in shares.items()
            },
            step=runner.iter + 1)
        self._warn(runner, shares)

    def _warn(self, runner: Runner, shares: Dict[str, float]) -> None:
        """Name depth paths that have shut since the last time."""
        for name, share in shares.items():
            counter = self._counters[name]
            if share > 0 or not counter.is_depth:
                self._shut.pop(name, None)
                self._warned.discard(name)
                continue
            again = name in self._shut
            since = self._shut.setdefault(name, describe_iteration(runner))
            if name in self._warned or counter.trains_shut and not again:
                continue
            self._warned.add(name)
            remedy = ('and nothing opens it; set model.head.trains_shut=True, '
                      'or raise model.head.gate_bias')
            if counter.trains_shut:
                remedy = ('and its training has not opened it; lower the '
                          'learning rate, or raise model.head.gate_bias')
            runner.logger.warning(
                f'{name}: the gate is shut at all cells since {since}: the '
                f'path outputs a constant, {remedy}')


class GateCounter:
    """Counts where the gates of a layer are open.

    Args:
        gated (GatedLayer): The layer.
    """

    def __init__(self, gated: GatedLayer) -> None:
        self._gated = gated
        self._handles = []

    @property
    def is_depth(self) -> bool:
        """bool: Whether it is the gate of a depth path."""
        return is_depth_gate(self._gated.part)

    @property
    def trains_shut(self) -> bool:
        """bool: Whether a shut gate gets a gradient."""
        return getattr(self._gated.part.act, 'trains_shut', False)

    def start(self) -> None:
        """Count from here on."""
        device = next(self._gated.layer.parameters()).device
        self._counts = torch.zeros(2, dtype=torch.long, device=device)
        self._handles = watch_gates(self._gated, self._count)

    def stop(self) -> Tensor:
        """End counting.

        Returns:
            Tensor: Number of open ones, and of all, (2,).
        """
        for handle in self._handles:
            handle.remove()
        return self._counts

    def _count(self, gate: Tensor, mask: Tensor) -> None:
        """Count at the valid cells."""
        num_open = ((gate > 0) & mask).sum()
        self._counts += torch.stack((num_open, mask.sum() * gate.size(1)))
