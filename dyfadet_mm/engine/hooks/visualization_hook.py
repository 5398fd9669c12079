import inspect
import logging
import os
from typing import Any, Dict, List, Optional, Sequence

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmengine.structures import BaseDataElement

from dyfadet_mm.fileio import FileNames
from dyfadet_mm.registry import HOOKS, VISUALIZERS
from dyfadet_mm.utils.checks import check_at_least
from .runner_parts import built_train_loop

# arguments of add_datasample that a video decides, or the hook's own ones
_SET_HERE = ('name', 'image', 'data_sample', 'step', 'out_file')


@HOOKS.register_module()
class TADVisualizationHook(Hook):
    """Draw timelines of some validated and tested videos.

    The visualizer of the runner must be a ``TADVisualizer``. With several
    processes only the first one draws, of the videos it has. It does so after
    metrics, predictions and checkpoints were written, and a video that cannot
    be drawn is an error in the log and does not end the run: no picture is
    worth one of them.

    Args:
        enable (bool): Whether to draw at all. Defaults to False.
        interval (int): Draw every ``interval``-th video. Defaults to 1.
        max_videos (int): Most videos drawn per validation or test.
            Defaults to 10.
        out_dir (str, optional): Folder for ``<video_id>_<step>.png``; other
            files of these names are replaced. For ids that cannot be names
            see :class:`dyfadet_mm.fileio.FileNames`. Defaults to None, which
            hands the images to the backends of the visualizer.
        kwargs: Other arguments of ``TADVisualizer.add_datasample``:
            ``score_thr``, ``max_detections``, ``draw_gt``, ``draw_pred``,
            ``show``, ``wait_time``.

    Raises:
        ValueError: If ``interval`` or ``max_videos`` is less than 1.
    """

    priority = 'LOWEST'

    def __init__(self,
                 enable: bool = False,
                 interval: int = 1,
                 max_videos: int = 10,
                 out_dir: Optional[str] = None,
                 **kwargs) -> None:
        check_at_least('interval', interval)
        check_at_least('max_videos', max_videos)
        self.enable = enable
        self.interval = interval
        self.max_videos = max_videos
        self.out_dir = out_dir
        self.draw_args = kwargs
        self._num_seen = 0
        self._kept: List[BaseDataElement] = []  # to be drawn
        self._names = FileNames()

    def before_run(self, runner: Runner) -> None:
        """Refuse a visualizer that draws images, and what it does not take.

        Args:
            runner (Runner): The runner.

        Raises:
            TypeError: If it is not a ``TADVisualizer``, or another argument
                of this hook is none of its ``add_datasample``, or one that
                the hook sets itself.
        """
        needed = VISUALIZERS.get('TADVisualizer')
        if not self.enable:
            return
        if not isinstance(runner.visualizer, needed):
            raise TypeError(
                'visualizer must be a TADVisualizer to draw timelines, but '
                f'got {type(runner.visualizer).__name__}; set '
                "visualizer=dict(type='dyfadet_mm.TADVisualizer', ...)")
        known = inspect.signature(runner.visualizer.add_datasample).parameters
        free = [name for name in known if name not in _SET_HERE]
        wrong = sorted(set(self.draw_args) - set(free))
        if wrong:
            raise TypeError(
                'arguments of TADVisualizationHook must be its own or, of '
                f'add_datasample, {free}, but got {wrong}; remove them')

    def before_val_epoch(self, runner: Runner) -> None:
        """Start counting."""
        self._num_seen, self._kept = 0, []

    def before_test_epoch(self, runner: Runner) -> None:
        """Start counting."""
        self._num_seen, self._kept = 0, []

    def after_val_iter(
            self,
            runner: Runner,
            batch_idx: int,
            data_batch: Any = None,
            outputs: Optional[Sequence[BaseDataElement]] = None) -> None:
        """Keep videos of a validated batch.

        Args:
            runner (Runner): Runner of the validation.
            batch_idx (int): Not used.
            data_batch (Any): Not used.
            outputs (Sequence[BaseDataElement], optional): Videos with
                ``pred_instances``.
        """
        self._keep(outputs or [])

    def after_test_iter(
            self,
            runner: Runner,
            batch_idx: int,
            data_batch: Any = None,
            outputs: Optional[Sequence[BaseDataElement]] = None) -> None:
        """Keep videos of a tested batch.

        Args:
            runner (Runner): Runner of the test.
            batch_idx (int): Not used.
            data_batch (Any): Not used.
            outputs (Sequence[BaseDataElement], optional): Videos with
                ``pred_instances``.
        """
        self._keep(outputs or [])

    def after_val_epoch(self,
                        runner: Runner,
                        metrics: Optional[Dict[str, float]] = None) -> None:
        """Draw what was kept.

        The step is the epoch, or the iteration where no epochs are counted.

        Args:
            runner (Runner): Runner of the validation.
            metrics (dict, optional): Not used.
        """
        loop, step = built_train_loop(runner), 0
        if loop is not None:
            by_epoch = isinstance(loop, EpochBasedTrainLoop)
            step = loop.epoch if by_epoch else loop.iter
        self._draw(runner, step)

    def after_test_epoch(self,
                         runner: Runner,
                         metrics: Optional[Dict[str, float]] = None) -> None:
        """Draw what was kept; the step is 0.

        Args:
            runner (Runner): Runner of the test.
            metrics (dict, optional): Not used.
        """
        self._draw(runner, 0)

    def _keep(self, data_samples: Sequence[BaseDataElement]) -> None:
        """Keep those of a batch whose turn it is."""
        if not self.enable or not is_main_process():
            return
        for data_sample in data_samples:
            turn = self._num_seen % self.interval == 0
            self._num_seen += 1
            if turn and len(self._kept) < self.max_videos:
                self._kept.append(data_sample.cpu())

    def _draw(self, runner: Runner, step: int) -> None:
        """Draw what was kept, and let it go."""
        kept, self._kept = self._kept, []
        for data_sample in kept:
            try:
                self._draw_video(runner, data_sample, step)
            except Exception as error:  # a picture is not worth a run
                print_log(
                    f'video {data_sample.get("video_id")!r} is not drawn: '
                    f'{type(error).__name__}: {error}',
                    'current',
                    level=logging.ERROR)

    def _draw_video(self, runner: Runner, data_sample: BaseDataElement,
                    step: int) -> None:
        """Draw one video."""
        video_id = str(data_sample.video_id)
        out_file = None
        if self.out_dir is not None:
            name = f'{self._names(video_id)}_{step}.png'
            out_file = os.path.join(self.out_dir, name)
        runner.visualizer.add_datasample(
            video_id,
            None,
            data_sample,
            out_file=out_file,
            step=step,
            **self.draw_args)
