"""Detection with onnxruntime: the network is a file, the rest is numpy."""
import json
from typing import Dict, List, Sequence, Tuple

import numpy as np
import torch
from mmengine.structures import InstanceData

from dyfadet_mm.models import TADDataPreprocessor
from dyfadet_mm.models.detectors.windows import (SlidingWindows, Window,
                                                 merge_windows)
from dyfadet_mm.registry import TASK_UTILS
from dyfadet_mm.structures import Cells, Padding, Pyramid

#: Name of the metadata of a file, JSON.
METADATA = 'dyfadet_mm'
PROVIDERS = ('CPUExecutionProvider', )
INSTALL = 'pip install "dyfadet_mm[deploy]"'


class OnnxDetector:
    """Detects actions with a file of ``tools/deployment/export_onnx.py``.

    The file says what is needed beside the network: how videos are padded,
    the postprocessor, the names of the classes, and the grid of the features
    where the data set has one for all videos.

    Args:
        path (str): The ONNX file.
        providers (Sequence[str]): Of onnxruntime, the best first. Defaults to
            the CPU.

    Raises:
        ImportError: If onnxruntime is not installed.
        ValueError: If the file has other metadata.

    Example:
        >>> detector = OnnxDetector('model.onnx')  # doctest: +SKIP
        >>> detector(feats, dict(duration=60., fps=30.))  # doctest: +SKIP
    """

    def __init__(self,
                 path: str,
                 providers: Sequence[str] = PROVIDERS) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise ImportError('OnnxDetector needs onnxruntime: '
                              f'{INSTALL}') from None
        self.session = onnxruntime.InferenceSession(
            str(path), providers=list(providers))
        facts = self.session.get_modelmeta().custom_metadata_map
        if METADATA not in facts:
            raise ValueError(f'{str(path)!r} must have the metadata '
                             f'{METADATA!r}, but has {sorted(facts)}; write '
                             'it with tools/deployment/export_onnx.py')
        facts = json.loads(facts[METADATA])
        #: Names in label order, or None.
        self.classes = facts['classes']
        #: Metainfo that all videos share.
        self.grid = facts['grid']
        self.preprocessor = TADDataPreprocessor(**facts['data_preprocessor'])
        self.postprocessor = TASK_UTILS.build(facts['postprocessor'])
        self.num_levels = facts['num_levels']
        self.windows = None
        if facts['window'] is not None:
            self.windows = SlidingWindows(
                **facts['window'], stride=2**(self.num_levels - 1))
        size = self.session.get_inputs()[0].shape[2]
        #: Cells of every input, or None for any.
        self.length = size if isinstance(size, int) else None

    def __call__(self, feats: np.ndarray,
                 metainfo: dict) -> Dict[str, np.ndarray]:
        """Detect in one video.

        Args:
            feats (ndarray): Features, (C, T).
            metainfo (dict): ``duration`` (seconds), ``fps``, ``feat_stride``
                and ``feat_num_frames`` of the video; what it leaves out is
                taken from the file.

        Returns:
            dict[str, ndarray]: ``segments`` (N, 2) in seconds, ``scores``
            (N,) and ``labels`` (N,), best first.

        Raises:
            KeyError: If neither has one of these.
            ValueError: If the features do not fit the network.
        """
        found = self.detect(feats, metainfo)
        return {key: found[key].numpy() for key in found.keys()}

    def detect(self, feats: np.ndarray, metainfo: dict) -> InstanceData:
        """As the call, with tensors."""
        total, padded_len = feats.shape[1], self.preprocessor.padded_len
        parts = [Window(0, total, padded_len(total))]
        if self.windows is not None:
            parts = self.windows.split(total, padded_len)
        levels = merge_windows(parts, [
            self.propose(feats[:, part.start:part.start + part.length])
            for part in parts
        ])
        return self.postprocessor(levels, {**self.grid, **metainfo})

    def propose(self,
                feats: np.ndarray) -> List[Tuple[torch.Tensor, torch.Tensor]]:
        """Segments on the feature grid and scores of every level.

        Args:
            feats (ndarray): Features, (C, T).

        Returns:
            list[tuple[Tensor, Tensor]]: (T_l, 2) or (T_l, A, 2), and
            (T_l, A).

        Raises:
            ValueError: If the features do not fit the network.
        """
        outputs, length = self.run(feats), feats.shape[1]
        logits = outputs[:self.num_levels]
        offsets = outputs[self.num_levels:]
        total = logits[0].shape[2]
        cells = Cells.of([length], total, 'cpu', self.preprocessor.padding)
        masks = Pyramid.of(logits, cells).masks
        return [
            tuple(map(torch.from_numpy, decode(x, y, 2**level, mask.numpy())))
            for level, (x, y, mask) in enumerate(zip(logits, offsets, masks))
        ]

    def run(self, feats: np.ndarray) -> List[np.ndarray]:
        """Outputs of the network.

        Args:
            feats (ndarray): Features, (C, T).

        Returns:
            list[ndarray]: Class logits (1, A, T_l) of every level, then
            offsets (1, 2, T_l) or (1, 2, T_l, A) of every level.

        Raises:
            ValueError: If the features do not fit the network.
        """
        channels = self.session.get_inputs()[0].shape[1]
        if feats.ndim != 2 or len(feats) != channels or feats.size == 0:
            raise ValueError(f'features must be ({channels}, T) with at least '
                             f'one cell, but got {feats.shape}')
        length = feats.shape[1]
        total = self.preprocessor.padded_len(length)
        if self.length is not None:
            counts = self.preprocessor.padding is not Padding.IGNORED
            if length > self.length or counts and total != self.length:
                raise ValueError(
                    f'a video must have {self.length} cells with padding, the '
                    f'--length of the file, but has {total}; export with '
                    '--dynamic, or cut it with model.window')
            total = self.length
        padded = np.zeros((1, channels, total), np.float32)
        padded[0, :, :length] = feats
        names = [each.name for each in self.session.get_inputs()]
        return self.session.run(
            None, dict(zip(names, (padded, np.array([length], np.int64)))))


def decode(logits: np.ndarray, offsets: np.ndarray, stride: int,
           mask: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Segments and scores of one level of a video.

    Args:
        logits (ndarray): Class logits, (1, A, T).
        offsets (ndarray): Offsets (left, right) in strides, (1, 2, T), or
            (1, 2, T, A) where every class has its own.
        stride (int): Cells of the feature grid per cell of the level.
        mask (ndarray): Valid cells, (1, 1, T).

    Returns:
        tuple[ndarray, ndarray]: Segments on the feature grid, (T, 2) or
        (T, A, 2), and scores, zero on padding, (T, A).
    """
    position = np.arange(logits.shape[2], dtype=np.float32)
    left, right = offsets[0].swapaxes(1, -1)  # (T, ) or (A, T)
    segments = np.stack((position - left, position + right), -1) * stride
    segments = segments.swapaxes(0, -2)
    with np.errstate(over='ignore'):  # exp of a logit of -100
        scores = mask[0] / (1 + np.exp(-logits[0]))
    return segments.astype(np.float32), scores.T.astype(np.float32)
