import inspect
import logging
import os
import re
from typing import Any, Dict, Optional, Sequence

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmengine.structures import BaseDataElement
from mmengine.visualization import Visualizer

from dyfadet_mm.registry import HOOKS, VISUALIZERS
from .built_loop import built_train_loop

# of an image's name, which leaves room for the step within 255
MAX_BYTES = 200


@HOOKS.register_module()
class TADVisualizationHook(Hook):
    """Draw timelines of some validated and tested videos.

    The visualizer of the runner must be a ``TADVisualizer``. With several
    processes only the first one draws, of the videos it has. A video that
    cannot be drawn is an error in the log and does not end the run, so that
    metrics and predictions are not lost.

    Args:
        enable (bool): Whether to draw at all. Defaults to False.
        interval (int): Draw every ``interval``-th video. Defaults to 1.
        max_videos (int): Most videos drawn per validation or test.
            Defaults to 10.
        out_dir (str, optional): Folder for ``<video_id>_<step>.png``; other
            files of these names are replaced. Signs that no file name can
            have become ``_``; of two ids with one name, the second one gets
            ``-2`` behind. Defaults to None, which hands the images to the
            backends of the visualizer.
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
        self._ids: Dict[str, str] = {}  # by the name of their images

    def before_run(self, runner: Runner) -> None:
        """Refuse a visualizer that draws images, and what it does not take.

        Args:
            runner (Runner): The runner.

        Raises:
            TypeError: If it is not a ``TADVisualizer``, or another argument
                of this hook is none of its ``add_datasample``.
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
        unknown = sorted(set(self.draw_args) - set(known))
        if unknown:
            raise TypeError(
                'arguments of TADVisualizationHook must be its own or those '
                f'of add_datasample, {list(known)}, but got {unknown}')

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
        loop, step = built_train_loop(runner), 0
        if loop is not None:
            by_epoch = isinstance(loop, EpochBasedTrainLoop)
            step = loop.epoch if by_epoch else loop.iter
        self._draw(runner.visualizer, outputs or [], step)

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
            video_id = str(data_sample.video_id)
            name = self._image_name(video_id)
            out_file = None
            if self.out_dir is not None:
                out_file = os.path.join(self.out_dir, f'{name}_{step}.png')
            try:
                visualizer.add_datasample(
                    name,
                    data_sample=data_sample,
                    out_file=out_file,
                    step=step,
                    **self.draw_args)
            except Exception as error:  # a picture is not worth a run
                print_log(
                    f'video {video_id!r} is not drawn: '
                    f'{type(error).__name__}: {error}',
                    'current',
                    level=logging.ERROR)

    def _image_name(self, video_id: str) -> str:
        """A file name for a video, the same at every step, of no other."""
        # an id may hold slashes and other signs of paths, and be very long
        plain = re.sub(r'[^\w.-]', '_', video_id)
        plain = plain.encode()[:MAX_BYTES].decode(errors='ignore')
        name, number = plain, 1
        while self._ids.setdefault(name.lower(), video_id) != video_id:
            number += 1
            name = f'{plain}-{number}'
        return name
