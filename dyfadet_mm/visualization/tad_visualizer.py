from typing import Any, Dict, Optional

import numpy as np
from mmengine.dist import master_only
from mmengine.structures import BaseDataElement
from mmengine.visualization import Visualizer

from dyfadet_mm.fileio import FileNames
from dyfadet_mm.registry import VISUALIZERS
from .timeline import draw_timeline, figure_to_image, save_figure


@VISUALIZERS.register_module()
class TADVisualizer(Visualizer):
    """Visualizer that draws a video as a timeline.

    Args:
        name (str): Name of the instance. Defaults to ``'visualizer'``.
        args, kwargs: Other arguments of
            :class:`mmengine.visualization.Visualizer`.

    Examples:
        >>> import torch
        >>> from mmaction.structures import ActionDataSample
        >>> from mmengine.structures import InstanceData
        >>> sample = ActionDataSample(
        ...     metainfo=dict(video_id='demo', duration=20.))
        >>> sample.pred_instances = InstanceData(
        ...     segments=torch.tensor([[2., 9.]]),
        ...     scores=torch.tensor([0.8]),
        ...     labels=torch.tensor([1]))
        >>> visualizer = TADVisualizer()
        >>> visualizer.dataset_meta = dict(classes=('run', 'jump'))
        >>> visualizer.add_datasample('demo', None, sample).shape[2]
        3
    """

    def __init__(self,
                 name: str = 'visualizer',
                 *args: Any,
                 **kwargs: Any) -> None:
        super().__init__(name, *args, **kwargs)
        self._image_names = FileNames()

    @master_only
    def add_datasample(self,
                       name: str,
                       image: Optional[np.ndarray],
                       data_sample: Optional[BaseDataElement] = None,
                       draw_gt: bool = True,
                       draw_pred: bool = True,
                       show: bool = False,
                       wait_time: float = 0,
                       step: int = 0,
                       *,
                       score_thr: float = 0.3,
                       max_detections: Optional[int] = None,
                       out_file: Optional[str] = None) -> np.ndarray:
        """Draw one video and hand the image to the backends.

        The arguments are those of MMEngine's visualizers, and three more.

        Args:
            name (str): Name of the image. The backends get what
                :class:`dyfadet_mm.fileio.FileNames` makes of it.
            image (ndarray, optional): Not used, as a timeline is drawn on
                nothing; give None.
            data_sample (BaseDataElement): A video: ``pred_instances`` with
                segments (N, 2) in seconds, scores (N, ) and labels (N, );
                metainfo ``gt_segments`` (M, 2) in seconds and ``gt_labels``
                (M, ), or ``gt_instances``, in seconds as well.
            draw_gt (bool): Whether to draw ground truth. Defaults to True.
            draw_pred (bool): Whether to draw detections. Defaults to True.
            show (bool): Whether to open a window as well. Defaults to False.
            wait_time (float): Seconds until the window closes; 0 waits for a
                key. Defaults to 0.
            step (int): Step that backends record. Defaults to 0.
            score_thr (float): Lowest score drawn. Defaults to 0.3.
            max_detections (int, optional): Most detections drawn.
                Defaults to None.
            out_file (str, optional): Image file to write instead of handing
                the image to the backends. Defaults to None.

        Returns:
            ndarray: RGB image, uint8, (H, W, 3).

        Raises:
            TypeError: If there is no ``data_sample``.
        """
        if data_sample is None:
            raise TypeError(
                'data_sample must be a video to draw, but got None; call '
                'add_datasample(name, None, data_sample), as the image comes '
                'second')
        video = dict(
            video_id=data_sample.get('video_id', name),
            duration=data_sample.get('duration', float('inf')))
        if draw_gt:
            video.update(_ground_truth_of(data_sample))
        if draw_pred and 'pred_instances' in data_sample:
            pred = data_sample.pred_instances
            video.update(
                segments=pred.segments, scores=pred.scores, labels=pred.labels)
        classes = (self.dataset_meta or {}).get('classes')
        figure = draw_timeline([video],
                               classes,
                               score_thr=score_thr,
                               max_detections=max_detections)
        image = figure_to_image(figure)
        if show:
            self.show(image, win_name=name, wait_time=wait_time)
        if out_file is None:
            self.add_image(self._image_names(name), image, step)
        else:
            save_figure(figure, out_file)
        return image


def _ground_truth_of(data_sample: BaseDataElement) -> Dict[str, Any]:
    """Actions in seconds: ``gt_segments`` and ``gt_labels``, if any."""
    if 'gt_segments' in data_sample:
        return dict(
            gt_segments=data_sample.gt_segments,
            gt_labels=data_sample.gt_labels)
    if 'gt_instances' in data_sample:
        gt = data_sample.gt_instances
        return dict(gt_segments=gt.segments, gt_labels=gt.labels)
    return {}
