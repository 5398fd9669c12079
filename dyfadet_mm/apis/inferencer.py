"""Detection in videos, feature files and arrays."""
import logging
import os
import os.path as osp
import uuid
from functools import cached_property
from itertools import chain
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.infer import BaseInferencer
from mmengine.logging import print_log
from rich.progress import track
from torch import nn

from dyfadet_mm.evaluation.files import save_predictions
from dyfadet_mm.fileio import (FileNames, VideoReader, class_name, cut,
                               probe_video)
from dyfadet_mm.registry import INFERENCERS
from dyfadet_mm.visualization import TADVisualizer
from .detector import SCOPE, init_detector
from .encoder_extractor import EncoderExtractor
from .feature_extractor import FeatureExtractor
from .inputs import list_sources
from .pipeline import InferencePipeline
from .stream import StreamDetection, stream_features

#: What a wrong video raises; the others of a folder go on.
VIDEO_ERRORS = (ArithmeticError, AttributeError, EOFError, LookupError,
                OSError, RuntimeError, TypeError, ValueError)
# least score of a picture where no other is given
DRAWN = 0.3


@INFERENCERS.register_module()
class TADInferencer(BaseInferencer):
    """Find the actions in videos, or in features of videos.

    Args:
        model (str | Config | nn.Module, optional): A config, the name of a
            model of the metafile, ``dyfadet://NAME``, a checkpoint, or what
            :func:`init_detector` returned. Defaults to None, the config that
            ``weights`` hold.
        weights (str, optional): Checkpoint. Defaults to None, that of the
            name.
        device (str, optional): Defaults to None, the best there is.
        scope (str): Defaults to ``'dyfadet_mm'``.
        show_progress (bool): Whether to show a bar. Defaults to True.
        extractor (optional): What makes features of videos: a
            :class:`FeatureExtractor`, its config, or the path of that.
            Defaults to None, ``feature_extractor`` of the model's config.
        extractor_weights (str, optional): Checkpoint of its recognizer.
            Defaults to None.
        classes (Sequence[str], optional): Names in label order. Defaults to
            None, those of the weights.

    Raises:
        FileNotFoundError, ValueError: As of :func:`init_detector`.

    Examples:
        >>> import numpy as np
        >>> inferencer = TADInferencer(
        ...     'dyfadet://digit-streams', device='cpu', show_progress=False)
        >>> feats = np.zeros((128, 64), 'float32')
        >>> found = inferencer(feats, fps=1.)['predictions'][0]
        >>> found['duration']
        128.0
    """

    preprocess_kwargs = {'duration', 'fps', 'feat_num_frames', 'feat_stride'}
    visualize_kwargs = {'no_save_vis', 'return_vis', 'show', 'wait_time'}
    postprocess_kwargs = {'no_save_pred', 'print_result'}

    def __init__(self,
                 model: Any = None,
                 weights: Optional[str] = None,
                 device: Optional[str] = None,
                 scope: str = SCOPE,
                 show_progress: bool = True,
                 extractor: Any = None,
                 extractor_weights: Optional[str] = None,
                 classes: Optional[Sequence[str]] = None) -> None:
        self._given = dict(config=model, checkpoint=weights, classes=classes)
        self._extractor = extractor, extractor_weights
        super().__init__(Config(), weights, device, scope, show_progress)
        self.cfg = self.model.cfg

    def __call__(self,
                 inputs: Any,
                 return_datasamples: bool = False,
                 batch_size: int = 1,
                 pred_score_thr: float = 0.,
                 top_k: Optional[int] = None,
                 out_dir: str = '',
                 overwrite: bool = False,
                 skip_failed: bool = False,
                 **kwargs: Any) -> dict:
        """Detect.

        Args:
            inputs (Any): A video, a feature file, an array (T, C), a folder,
                a text file of paths, or a list of these.
            return_datasamples (bool): Whether predictions are data samples
                instead of dicts. Defaults to False.
            batch_size (int): Videos computed together. Defaults to 1.
            pred_score_thr (float): Detections score at least this. Defaults
                to 0, all that the model keeps; pictures show those of 0.3
                then.
            top_k (int, optional): Most detections of a video, the best.
                Defaults to None.
            out_dir (str): Folder for ``predictions.json`` and a picture of
                every video, new or empty. Defaults to ``''``, none.
            overwrite (bool): Whether ``out_dir`` may have files, which are
                replaced. Defaults to False.
            skip_failed (bool): Whether videos that cannot be read are left
                out and named under ``'failed'`` of the result. Defaults to
                False, which raises the first error.
            kwargs: ``fps``, ``feat_stride`` and ``feat_num_frames`` of
                features, where neither the model nor a file beside them says,
                and ``duration`` (seconds); ``no_save_vis``, ``no_save_pred``,
                ``return_vis``, ``show`` and ``wait_time`` of pictures, and
                ``print_result``, as of other inferencers.

        Returns:
            dict: ``'predictions'``, a dict of every video: ``video_id``,
            ``duration`` and ``segments`` [[start, end], ...] in seconds,
            ``scores``, ``labels`` and ``classes``, their names, best first.
            ``'visualization'``, images (H, W, 3) or None. ``'failed'``, the
            reason by input.

        Raises:
            FileExistsError: If ``out_dir`` has files.
            FileNotFoundError: If an input is missing.
            ValueError: If an input cannot be used, or an argument is unknown.
        """
        pre, forward, show, post = self._dispatch_kwargs(**kwargs)
        _check_folder(out_dir, overwrite)
        sources = list_sources(inputs)
        failed: Dict[str, str] = {}
        batches = self.preprocess(sources, batch_size,
                                  failed if skip_failed else None, **pre)
        samples: List[ActionDataSample] = []
        if self.show_progress:
            total = -(-len(sources) // batch_size)
            batches = track(batches, 'Inference', total)
        for batch in batches:
            samples.extend(self.forward(batch, **forward))
        for sample in samples:
            sample.pred_instances = _best(sample.pred_instances,
                                          pred_score_thr, top_k)
        images = self.visualize(sources, samples, pred_score_thr, out_dir,
                                **show)
        found = self.postprocess(samples, images, return_datasamples, out_dir,
                                 **post)
        return dict(found, failed=failed)

    def stream(self,
               source: Any,
               fps: Optional[float] = None,
               feat_stride: Optional[float] = None,
               feat_num_frames: Optional[float] = None,
               **kwargs: Any) -> Iterator[StreamDetection]:
        """Detect while a video is running, in bounded memory.

        Args:
            source (str | Iterable[ndarray]): A video file, or what gives
                frames, uint8 RGB (H, W, 3), or features of the next cells,
                (n, C), one after the other.
            fps (float, optional): Frames per second of frames, and of
                features where neither the model nor the grid of the extractor
                says. Defaults to None.
            feat_stride, feat_num_frames (float, optional): Of features, where
                the model does not say. Default to None.
            kwargs: ``window``, ``score_thr`` and other arguments of
                :class:`DetectionStream`.

        Yields:
            StreamDetection: Once no later frame can change it: ``segment`` in
            seconds, ``label``, ``score``, ``at``, the seconds that had been
            seen, and ``exact``.

        Raises:
            ValueError: If nothing says where in time cells are, or features
                cannot be used.
        """
        given = dict(
            fps=fps, feat_stride=feat_stride, feat_num_frames=feat_num_frames)
        given = {key: each for key, each in given.items() if each is not None}
        if isinstance(source, (str, os.PathLike)):
            with VideoReader(os.fspath(source)) as reader:
                fps = self.extractor.facts_at(reader.info.fps)['fps']
                yield from self.stream(reader.resampled(fps), fps, **kwargs)
            return
        chunks = iter(source)
        first = next(chunks, None)
        if first is None:
            return
        chunks = chain([first], chunks)
        if first.ndim == 3:
            chunks = self.extractor.stream(chunks, fps)
            given = self.pipeline.check_extractor(self.extractor.facts_at(fps))
        yield from stream_features(
            self.model,
            chunks,
            channels_first=False,
            **self.pipeline.complete('the stream', given),
            **kwargs)

    def preprocess(self,
                   inputs: list,
                   batch_size: int = 1,
                   failed: Optional[Dict[str, str]] = None,
                   **kwargs: Any) -> Iterator[dict]:
        """Read videos when their batch is next.

        Args:
            inputs (list[Source]): The videos.
            batch_size (int): Videos of a batch. Defaults to 1.
            failed (dict[str, str], optional): Receives why a video is left
                out, by its name. Defaults to None, which raises that.
            kwargs: Facts of the features, see :meth:`__call__`.

        Yields:
            dict: Batches of the model.
        """
        chunks = self._get_chunk_data(
            self._packed(inputs, failed, kwargs), batch_size)
        yield from map(self.collate_fn, chunks)

    def visualize(self,
                  inputs: list,
                  preds: List[ActionDataSample],
                  pred_score_thr: float = 0.,
                  out_dir: str = '',
                  show: bool = False,
                  wait_time: float = 0,
                  return_vis: bool = False,
                  no_save_vis: bool = False) -> Optional[List[np.ndarray]]:
        """Draw a timeline of every video.

        Args:
            inputs (list[Source]): Not used.
            preds (list[ActionDataSample]): Of every video.
            pred_score_thr, out_dir, show, wait_time, return_vis,
                no_save_vis: See :meth:`__call__`.

        Returns:
            list[ndarray], optional: Images (H, W, 3), if they are asked for.
        """
        saves = out_dir and not no_save_vis
        if not (saves or show or return_vis):
            return None
        names, images = FileNames(), []
        for sample in preds:
            path = None
            if saves:
                path = osp.join(out_dir, 'timelines',
                                f'{names(sample.video_id)}.png')
            images.append(
                self.visualizer.add_datasample(
                    sample.video_id,
                    None,
                    sample,
                    show=show,
                    wait_time=wait_time,
                    score_thr=pred_score_thr or DRAWN,
                    out_file=path))
        return images if return_vis else None

    def postprocess(self,
                    preds: List[ActionDataSample],
                    visualization: Optional[List[np.ndarray]],
                    return_datasample: bool = False,
                    out_dir: str = '',
                    print_result: bool = False,
                    no_save_pred: bool = False) -> dict:
        """Pack the results, and write them.

        Args:
            preds (list[ActionDataSample]): Of every video.
            visualization (list[ndarray], optional): Of :meth:`visualize`.
            return_datasample, out_dir, print_result, no_save_pred: See
                :meth:`__call__`.

        Returns:
            dict: See :meth:`__call__`.
        """
        found = [self.to_dict(each) for each in preds]
        if out_dir and not no_save_pred:
            save_predictions(
                osp.join(out_dir, 'predictions.json'),
                {each['video_id']: each
                 for each in found}, self.classes)
        if print_result:
            for each in found:
                print(each)
        return dict(
            predictions=preds if return_datasample else found,
            visualization=visualization)

    @property
    def classes(self) -> Sequence[str]:
        """tuple[str]: Names of the classes, in label order."""
        return self.model.dataset_meta['classes']

    def to_dict(self, sample: ActionDataSample) -> dict:
        """Detections of a video as lists and numbers.

        Args:
            sample (ActionDataSample): With ``pred_instances``.

        Returns:
            dict: See :meth:`__call__`.
        """
        found = sample.pred_instances
        labels = found.labels.tolist()
        return dict(
            video_id=sample.video_id,
            duration=float(sample.duration),
            segments=found.segments.tolist(),
            scores=found.scores.tolist(),
            labels=labels,
            classes=[class_name(label, self.classes) for label in labels])

    def _init_model(self,
                    cfg: Config,
                    weights: Optional[str],
                    device: str = 'cpu') -> nn.Module:
        """The detector of the arguments."""
        model = self._given['config']
        if isinstance(model, nn.Module):
            return model
        return init_detector(device=device, **self._given)

    def _init_pipeline(self, cfg: Config) -> InferencePipeline:
        """The steps from a source to the model."""
        backbone = getattr(self.model, 'backbone', None)
        pipeline = InferencePipeline(self.model.cfg,
                                     getattr(backbone, 'in_channels', None))
        pipeline.extract = self._extract
        return pipeline

    @cached_property
    def extractor(self) -> FeatureExtractor:
        """FeatureExtractor: Of videos, made when the first one comes.

        Raises:
            ValueError: If neither the arguments nor the model names one.
        """
        extractor, weights = self._extractor
        if extractor is None and self.pipeline.frames is not None:
            return EncoderExtractor(self.model)
        if extractor is None:
            extractor = self.model.cfg.get('feature_extractor')
        if extractor is None:
            raise ValueError(
                'the detector must have a feature extractor for videos, but '
                'names none; give extractor=... (--extractor CONFIG), or '
                'features')
        if isinstance(extractor, FeatureExtractor):
            return extractor
        device = next(self.model.parameters()).device
        return FeatureExtractor(extractor, weights, device=device)

    def _extract(self, path: str) -> Tuple[np.ndarray, dict, float]:
        """Features of a video, their grid, and seconds of the video."""
        info = probe_video(path)
        return (self.extractor.extract(path),
                self.extractor.facts_at(info.fps), info.duration)

    def _init_visualizer(self, cfg: Config) -> TADVisualizer:
        """One that draws timelines, whatever the config logs."""
        visualizer = TADVisualizer(f'inferencer-{uuid.uuid4().hex}')
        visualizer.dataset_meta = self.model.dataset_meta
        return visualizer

    def _packed(self, sources: list, failed: Optional[Dict[str, str]],
                facts: dict) -> Iterator[dict]:
        """Inputs of the model, without the videos that fail."""
        for source in sources:
            try:
                yield self.pipeline(source, **facts)
            except VIDEO_ERRORS as error:
                if failed is None:
                    raise
                text = error.args[0] if isinstance(error, KeyError) else error
                failed[source.name] = cut(str(text))
                print_log(
                    f'{source.name}: {cut(str(text))}',
                    logger='current',
                    level=logging.ERROR)


def inference_detector(model: nn.Module,
                       inputs: Any,
                       extractor: Any = None,
                       **kwargs: Any) -> Any:
    """Detect with a model of :func:`init_detector`.

    Args:
        model (nn.Module): The detector.
        inputs (Any): As of :class:`TADInferencer`.
        extractor (optional): As of :class:`TADInferencer`.
        kwargs: Others of :meth:`TADInferencer.__call__`.

    Returns:
        ActionDataSample | list[ActionDataSample]: With ``pred_instances``:
        ``segments`` (N, 2) in seconds, ``scores`` (N,) and ``labels`` (N,);
        one for each video of a list.

    Raises:
        FileNotFoundError, ValueError: As of :class:`TADInferencer`.
    """
    inferencer = TADInferencer(model, extractor=extractor, show_progress=False)
    found = inferencer(inputs, return_datasamples=True, **kwargs)
    found = found['predictions']
    return found if isinstance(inputs, (list, tuple)) else found[0]


def _check_folder(folder: str, overwrite: bool) -> None:
    """Refuse a folder with files."""
    if folder and not overwrite and osp.isdir(folder) and os.listdir(folder):
        raise FileExistsError(f'out_dir must be new or empty, but {folder!r} '
                              'has files; choose another one, or set '
                              'overwrite=True (--force)')


def _best(found: Any, score_thr: float, top_k: Optional[int]) -> Any:
    """Detections of at least a score, which come best first."""
    return found[found.scores >= score_thr][:top_k]
