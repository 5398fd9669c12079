import os
import re
from typing import Any, Optional, Sequence

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmengine.structures import BaseDataElement
from mmengine.visualization import Visualizer

from dyfadet_mm.registry import HOOKS, VISUALIZERS


@HOOKS.register_module()
class TADVisualizationHook(Hook):
    """Draw timelines of some validated and tested videos.

    The visualizer of the runner must be a ``TADVisualizer``. With several
    processes only the first one draws, of the videos it has.

    Args:
        enable (bool): Whether to draw at all. Defaults to False.
        interval (int): Draw every ``interval``-th video. Defaults to 1.
        max_videos (int): Most videos drawn per validation or test.
            Defaults to 10.
        out_dir (str, optional): Folder for ``<video_id>_<step>.png``; other
            files of these names are replaced. Defaults to None, which hands
            the images to the backends of the visualizer.
        kwargs: Other arguments of ``TADVisualizer.add_datasample``:
            ``score_thr``, ``max_detections``, ``draw_gt``, ``draw_pred``.

    Raises:
        ValueError: If ``interval`` or ``max_videos`` is less than 1.
    """

    def __init__(self,
                 enable: bool = False,
                 interval: int = 1,
                 max_videos: int = 10,
                 out_dir: Optional[str] = None,
                 **kwargs) -> None:
        for name, value in dict(
                interval=interval, max_videos=max_videos).items():
            if value < 1:
                raise ValueError(f'{name} must be at least 1, but got {value}')
        self.enable = enable
        self.interval = interval
        self.max_videos = max_videos
        self.out_dir = out_dir
        self.draw_args = kwargs
        self._num_seen = 0
        self._num_drawn = 0

    def before_run(self, runner: Runner) -> None:
        """Refuse a visualizer that draws images.

        Args:
            runner (Runner): The runner.

        Raises:
            TypeError: If it is not a ``TADVisualizer``.
        """
        needed = VISUALIZERS.get('TADVisualizer')
        if self.enable and not isinstance(runner.visualizer, needed):
            raise TypeError(
                'visualizer must be a TADVisualizer to draw timelines, but '
                f'got {type(runner.visualizer).__name__}; set '
                "visualizer=dict(type='dyfadet_mm.TADVisualizer', ...)")

    def before_val_epoch(self, runner: Runner) -> None:
        """Start counting."""
        self._num_seen = self._num_drawn = 0

    def before_test_epoch(self, runner: Runner) -> None:
        """Start counting."""
        self._num_seen = self._num_drawn = 0

    def after_val_iter(
            self,
            runner: Runner,
            batch_idx: int,
            data_batch: Any = None,
            outputs: Optional[Sequence[BaseDataElement]] = None) -> None:
        """Draw videos of a validated batch.

        The step is the epoch, or the iteration where no epochs are counted.

        Args:
            runner (Runner): Runner of the validation.
            batch_idx (int): Not used.
            data_batch (Any): Not used.
            outputs (Sequence[BaseDataElement], optional): Videos with
                ``pred_instances``.
        """
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        self._draw(runner.visualizer, outputs or [],
                   runner.epoch if by_epoch else runner.iter)

    def after_test_iter(
            self,
            runner: Runner,
            batch_idx: int,
            data_batch: Any = None,
            outputs: Optional[Sequence[BaseDataElement]] = None) -> None:
        """Draw videos of a tested batch; the step is 0.

        Args:
            runner (Runner): Runner of the test.
            batch_idx (int): Not used.
            data_batch (Any): Not used.
            outputs (Sequence[BaseDataElement], optional): Videos with
                ``pred_instances``.
        """
        self._draw(runner.visualizer, outputs or [], 0)

    def _draw(self, visualizer: Visualizer,
              data_samples: Sequence[BaseDataElement], step: int) -> None:
        """Draw those of a batch whose turn it is."""
        if not self.enable:
            return
        for data_sample in data_samples:
            turn = self._num_seen % self.interval == 0
            self._num_seen += 1
            if not turn or self._num_drawn >= self.max_videos:
                continue
            self._num_drawn += 1
            # a video id may hold slashes and other signs of paths
            name = re.sub(r'[^\w.-]', '_', str(data_sample.video_id))
            out_file = None
            if self.out_dir is not None:
                out_file = os.path.join(self.out_dir, f'{name}_{step}.png')
            visualizer.add_datasample(
                name,
                data_sample=data_sample,
                out_file=out_file,
                step=step,
                **self.draw_args)
