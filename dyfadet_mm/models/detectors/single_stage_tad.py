from collections import defaultdict
from contextlib import nullcontext
from typing import ContextManager, List, Optional, Tuple, Union

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from dyfadet_mm.ops.checks import NotFiniteError
from dyfadet_mm.ops.host import detect_batch
from dyfadet_mm.registry import FUNCTIONS, MODELS, TASK_UTILS
from dyfadet_mm.structures import Cells, Padding, Pyramid, pad_cells
from dyfadet_mm.utils.checks import (check_choice, check_takes_cells,
                                     complete_cfg)
from dyfadet_mm.utils.typing import (ConfigType, Levels, LossDict,
                                     OptConfigType, OptMultiConfig,
                                     OptSampleList, SampleList, TensorTuple)
from dyfadet_mm.utils.weights import find_not_finite
from .compatibility import arguments_of, build_part, check_compatibility
from .cuda_graphs import GraphedNetwork
from .windows import SlidingWindows, Window, merge_windows

# of a head that has neither training data nor weights: those of THUMOS14
UNKNOWN_CLASSES = 20


@MODELS.register_module()
class SingleStageTAD(BaseModel):
    """One-stage temporal action detector: encoder, neck, head.

    It reads features, or frames with an ``encoder`` that makes features of
    them. Such a detector reads features as well, so that it can be trained
    end to end and used on features that its encoder made before.

    The data preprocessor decides what padding counts for. Lengths and this
    go from part to part in a :class:`Pyramid`.

    A neck and a head whose configs leave out channels or the number of
    levels take over those of the part before them. The head may be any dense
    head as MMDetection has them: one without ``decode_by_feat`` is given the
    features of all levels as a tuple, and says itself what it detects.

    Args:
        backbone (dict): Encoder, features (B, C, T) and their
            :class:`Cells` to a :class:`Pyramid`.
        encoder (dict, optional): Frames to features, see
            :class:`FrameEncoder`; ``mean`` and ``std`` are those of the
            data preprocessor, if it has them. Defaults to None.
        neck (dict, optional): Pyramid to that of the head. Defaults to None.
        head (dict): Detection head. Without ``num_classes``, or with None,
            it has the classes of ``train_dataset``, and those of the weights
            that are loaded into the model, see :meth:`fix_classes`.
        train_dataset (dict, optional): Config of the training data set, whose
            classes are counted. Defaults to None.
        postprocessor (dict): Defaults to ``SegmentPostprocessor``.
        score_fusion (dict, optional): External class scores for class-agnostic
            detectors, see :class:`ScoreFusion`. Defaults to None.
        data_preprocessor (dict): Defaults to ``TADDataPreprocessor``.
        predict_dtype (str, optional): ``'bfloat16'`` or ``'float16'`` runs
            encoder and head of ``predict`` under autocast; decoding and NMS
            stay float32. Defaults to None, the dtype of the weights.
        window (dict, optional): ``size`` (cells) and ``overlap`` (share) of
            the windows into which ``predict`` cuts longer videos, see
            :class:`SlidingWindows`. Each is computed and padded like a video
            of its own. Defaults to None, whole videos.
        cuda_graph (bool): Whether encoder and head of ``predict`` run by CUDA
            graphs, one for each bucket of lengths, see
            :class:`GraphedNetwork`. Defaults to False.

    Raises:
        ValueError: If ``predict_dtype`` is none of these, ``window`` is out
            of range, or it or ``cuda_graph`` is set for a head without
            ``decode_by_feat``, a part refuses its config, or the parts do not
            fit together (:func:`check_compatibility`).
    """

    def __init__(self,
                 backbone: ConfigType,
                 head: ConfigType,
                 encoder: OptConfigType = None,
                 neck: OptConfigType = None,
                 train_dataset: OptConfigType = None,
                 postprocessor: ConfigType = dict(
                     type='dyfadet_mm.SegmentPostprocessor'),
                 score_fusion: OptConfigType = None,
                 data_preprocessor: ConfigType = dict(
                     type='dyfadet_mm.TADDataPreprocessor'),
                 predict_dtype: Optional[str] = None,
                 window: OptConfigType = None,
                 cuda_graph: bool = False,
                 init_cfg: OptMultiConfig = None) -> None:
        check_choice('predict_dtype', predict_dtype,
                     (None, 'bfloat16', 'float16'))
        if isinstance(data_preprocessor, dict):
            data_preprocessor = build_part(data_preprocessor,
                                           'data_preprocessor')
        super().__init__(data_preprocessor, init_cfg)
        self.encoder = None
        if encoder is not None:
            # frames are normalised as configured for data
            given = ((name, getattr(self.data_preprocessor, name, None))
                     for name in ('mean', 'std'))
            colours = {name: x for name, x in given if x is not None}
            encoder = complete_cfg(encoder, 'encoder', self.data_preprocessor,
                                   **colours)
            self.encoder = build_part(encoder, 'encoder')
        self.backbone = check_takes_cells(
            build_part(backbone, 'backbone', self.encoder))
        self.neck = None if neck is None else check_takes_cells(
            build_part(neck, 'neck', self.backbone))
        self._head = head
        self.head = self._build_head(_count_classes(head, train_dataset))
        check_compatibility(self.encoder, self.backbone, self.neck, self.head,
                            self.data_preprocessor)
        self.postprocessor = TASK_UTILS.build(postprocessor)
        self.predict_dtype = predict_dtype
        self.windows = None
        if (window is not None or cuda_graph) and not self._decodes:
            raise ValueError(
                'window and cuda_graph must be left out with a head that has '
                f'no decode_by_feat, but got {window} and {cuda_graph} with '
                f'{type(self.head).__name__}')
        if window is not None:
            stride = 2**(self.head.num_levels - 1)
            self.windows = SlidingWindows(
                **complete_cfg(window, 'window', self, stride=stride))
        self.graphs = GraphedNetwork(self._network) if cuda_graph else None
        self.score_fusion = (None if score_fusion is None else
                             TASK_UTILS.build(score_fusion))
        self.padding = Padding(
            getattr(self.data_preprocessor, 'padding', Padding.PUBLISHED))

    @property
    def _decodes(self) -> bool:
        """bool: Whether the head takes a pyramid and leaves NMS to us."""
        return hasattr(self.head, 'decode_by_feat')

    def _build_head(self, num_classes: Optional[int]) -> nn.Module:
        """The head, with these classes if its config names no number."""
        cfg = self._head
        if num_classes is not None:
            cfg = dict(cfg, num_classes=num_classes)
        source = self.backbone if self.neck is None else self.neck
        return build_part(cfg, 'head', source)

    def fix_classes(self) -> None:
        """Keep the number of classes, whatever is loaded from now on.

        Until then, weights of another number of classes give a head whose
        config names none that number. In training, other weights are a start
        only and the classes those of the training data.
        """
        self._head = dict(self._head, num_classes=self.head.num_classes)

    def _load_from_state_dict(self, state_dict: dict, prefix: str,
                              *args) -> None:
        """Make the head for the classes of the weights, see above."""
        if self.encoder is None:  # features are read
            for name in list(state_dict):
                if name.startswith(f'{prefix}encoder.'):
                    del state_dict[name]
        bias = state_dict.get(f'{prefix}head.conv_cls.bias')
        if (bias is not None and _lacks_classes(self._head)
                and len(bias) != self.head.num_classes):
            old = self.head.conv_cls.bias
            self.head = self._build_head(len(bias)).to(old).train(
                self.training)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def extract_feat(self,
                     inputs: Tensor,
                     cells: Optional[Cells] = None) -> Pyramid:
        """Compute the pyramid that the head reads, (B, C, T_l).

        ``inputs`` are those of :meth:`forward`, features zero on padding.
        Without their cells all are valid.

        Raises:
            ValueError: If frames are given to a detector of features.
        """
        if cells is None:
            cells = self.cells_of(inputs)
        inputs = self.encode(inputs, cells)
        pyramid = self.backbone(inputs, cells)
        return pyramid if self.neck is None else self.neck(pyramid)

    def encode(self, inputs: Tensor, cells: Cells) -> Tensor:
        """Make features (B, C, T), zero on padding, of uint8 frames.

        Features among the inputs of :meth:`forward` stay as they are.

        Raises:
            ValueError: If there is no encoder for frames.
        """
        if inputs.ndim == 3:
            return inputs
        if self.encoder is None:
            raise ValueError('model.encoder must be set for frames, but is '
                             f'None, and got {tuple(inputs.shape)}')
        feats = self.encoder(inputs.flatten(2, 3), cells.mask[:, 0])
        if self.training:
            feats = self.data_preprocessor.perturb(feats)
        return feats

    def _head_inputs(
            self, inputs: Tensor,
            data_samples: OptSampleList) -> Union[Pyramid, TensorTuple]:
        """What the head takes: the pyramid, or features as MMDetection's."""
        pyramid = self.extract_feat(inputs,
                                    self.cells_of(inputs, data_samples))
        return pyramid if self._decodes else pyramid.feats

    def cells_of(self,
                 inputs: Tensor,
                 data_samples: OptSampleList = None) -> Cells:
        """Which cells of a batch belong to the videos; see :meth:`forward`."""
        return Cells.of_batch(inputs, data_samples, self.padding)

    def forward(
        self,
        inputs: Tensor,
        data_samples: OptSampleList = None,
        mode: str = 'tensor'
    ) -> Union[LossDict, SampleList, Tuple[TensorTuple, ...]]:
        """MMEngine's entry point.

        Args:
            inputs (Tensor): Batch from the data preprocessor, features
                (B, C, T) or frames (B, 3, T, k, H, W).
            data_samples (Sequence[BaseDataElement], optional): One per video;
                without ``feat_len`` in their metainfo all cells are valid.
            mode (str): ``'loss'``, ``'predict'`` or ``'tensor'``.

        Returns:
            dict | Sequence | tuple: Losses; data samples with
            ``pred_instances``; raw outputs of the head of every level.

        Raises:
            ValueError: If ``mode`` is unknown.
        """
        modes = dict(
            loss=self.loss, predict=self.predict, tensor=self._forward)
        check_choice('mode', mode, modes)
        return modes[mode](inputs, data_samples)

    def _forward(
            self,
            inputs: Tensor,
            data_samples: OptSampleList = None) -> Tuple[TensorTuple, ...]:
        """Raw outputs of the head, see :meth:`forward`."""
        return self.head(self._head_inputs(inputs, data_samples))

    def loss(self, inputs: Tensor, data_samples: SampleList) -> LossDict:
        """Compute ``loss_cls`` and ``loss_reg``, as :meth:`forward` does.

        Samples have ``gt_instances``: ``labels`` (N,) and ``grid_segments``
        (N, 2) on the feature grid.
        """
        return self.head.loss(
            self._head_inputs(inputs, data_samples), data_samples)

    def predict(self, inputs: Tensor, data_samples: SampleList) -> SampleList:
        """Detect in a batch, each video as if it were alone.

        Where statistics of the encoder cover padding, videos are computed
        together only if they would be padded to the same length alone.
        Samples have the metainfo ``video_id``, ``duration``, ``fps``,
        ``feat_stride`` and ``feat_num_frames``, and come back with
        ``pred_instances``: ``segments`` (N, 2) in seconds, ``scores`` and
        ``labels`` (N,), best first.

        Raises:
            ValueError: If scores or segments of a video are not finite.
        """
        if self._decodes:
            windows = self._windows(inputs.size(2), data_samples)
            found = detect_batch(self.postprocessor,
                                 self._propose(inputs, windows),
                                 [sample.metainfo for sample in data_samples])
        else:
            with self._precision(inputs.device):
                x = self._head_inputs(inputs, data_samples)
            found = iter(self.head.predict(x, data_samples, rescale=True))
        for feats, sample in zip(inputs, data_samples):
            try:
                detections = next(found)
            except NotFiniteError as error:
                cause = self._cause_of_not_finite(feats)
                raise ValueError(f'{error}; {cause}') from None
            if self.score_fusion is not None:
                detections = self.score_fusion(detections, sample.video_id)
            sample.pred_instances = detections
        return data_samples

    def _cause_of_not_finite(self, feats: Tensor) -> str:
        """Say why scores are not finite, and what to do."""
        name = find_not_finite(self)
        if name is not None:
            return (f'the weights {name!r} are not finite: take an earlier '
                    'checkpoint')
        if feats.ndim > 2:
            return ('the features of its frames are not finite: leave '
                    'predict_dtype out')
        return (f'its features go up to {feats.abs().max():.3g}: find such '
                'videos with check_dataset.py and extract their features '
                'again')

    @torch.no_grad()
    def propose(self, feats: Tensor) -> Levels:
        """What the head says about one video, which is not cut.

        It is given as features (C, T), or frames (3, T, k, H, W), unpadded.
        """
        inputs = self.data_preprocessor(dict(inputs=[feats]))['inputs']
        whole = Window(0, feats.size(1), inputs.size(2))
        return self._propose(inputs, [[whole]])[0]

    def _propose(self, inputs: Tensor,
                 videos: List[List[Window]]) -> List[Levels]:
        """What the head says about every video, from that on its windows."""
        run = self._network if self.graphs is None else self.graphs
        parts = [(video, each) for video, windows in enumerate(videos)
                 for each in windows]
        longest = max(each.padded_len for _, each in parts)
        # what can be computed together, by its padded length
        groups, found = defaultdict(list), {}
        for video, each in parts:
            ignored = self.padding is Padding.IGNORED
            total = longest if ignored else each.padded_len
            groups[total].append((video, each))
        for total, group in groups.items():
            feats = [self._features(inputs[i], x, total) for i, x in group]
            feats = torch.stack(feats) if len(feats) > 1 else feats[0][None]
            cells = Cells.of([each.length for _, each in group], total,
                             feats.device, self.padding)
            with self._precision(inputs.device):
                outputs, masks = run(feats, cells)
            found.update(zip(group, self.head.decode_by_feat(*outputs, masks)))
        return [
            merge_windows(windows, [found[video, each] for each in windows])
            for video, windows in enumerate(videos)
        ]

    def _features(self, video: Tensor, window: Window, total: int) -> Tensor:
        """Features of a window, padded, (C, ``total``)."""
        if video.ndim == 2:
            return window.cut(video, total)
        # encoded with the padding that the window has alone
        frames = window.cut(video, window.padded_len)[None]
        cells = Cells.of([window.length], window.padded_len, video.device,
                         self.padding)
        with self._precision(video.device):
            feats = self.encode(frames, cells)[0]
        return pad_cells(feats, total)

    @torch.no_grad()
    def encode_videos(self, inputs: Tensor,
                      data_samples: SampleList) -> List[Tensor]:
        """Make the features of videos that their detections come from.

        Of frames (B, 3, T, k, H, W), features (C, T_b) without padding. Where
        windows of a long video overlap, a cell is that of the window in which
        it is farther from the end.

        Raises:
            ValueError: If there is no encoder.
        """
        videos = self._windows(inputs.size(2), data_samples)
        return [
            torch.cat([
                each.own(self._features(video, each, each.padded_len))
                for each in windows
            ], 1) for video, windows in zip(inputs, videos)
        ]

    def _network(self, inputs: Tensor,
                 cells: Cells) -> Tuple[Tuple[TensorTuple, ...], TensorTuple]:
        """Outputs of the head, and masks of every level."""
        pyramid = self.extract_feat(inputs, cells)
        return self.head(pyramid), pyramid.masks

    def _precision(self, device: torch.device) -> ContextManager:
        """What encoder and head of :meth:`predict` run under."""
        if self.predict_dtype is None:
            return nullcontext()
        return torch.autocast(device.type, getattr(torch, self.predict_dtype))

    def _windows(self, total: int,
                 data_samples: SampleList) -> List[List[Window]]:
        """What is computed of every video: all of it, or its windows."""
        videos = []
        for sample in data_samples:
            length = sample.get('feat_len', total)
            windows = [Window(0, length, sample.get('padded_len', total))]
            if self.windows is not None and length > self.windows.size:
                windows = self.windows.split(length,
                                             self.data_preprocessor.padded_len)
            videos.append(windows)
        return videos


def _count_classes(head: ConfigType,
                   train_dataset: OptConfigType) -> Optional[int]:
    """Classes of the training data where a head names no number of them."""
    if not _lacks_classes(head):
        return None
    num_classes = None
    if train_dataset is not None:
        try:
            num_classes = FUNCTIONS.get('num_detector_classes')(train_dataset)
        except (KeyError, TypeError, ValueError):
            pass  # the data set says what is wrong, if there is a training
    # without annotations the weights will tell
    return UNKNOWN_CLASSES if num_classes is None else max(num_classes, 1)


def _lacks_classes(head: ConfigType) -> bool:
    """Whether the config of a head could name a number of classes."""
    return (head.get('num_classes') is None
            and 'num_classes' in arguments_of(head))
