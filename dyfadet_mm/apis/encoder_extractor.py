"""Features of the frame encoder of a detector, to detect on later."""
import json
import os.path as osp
from typing import Any, Iterator, Optional, Sequence

import numpy as np
from mmengine.dataset import pseudo_collate
from torch import nn

from dyfadet_mm.fileio import probe_video
from .clips import Event
from .detector import init_detector
from .feature_extractor import FeatureExtractor
from .pipeline import InferencePipeline
from .recognizers import digest


class EncoderExtractor(FeatureExtractor):
    """Makes the features that a detector makes of frames itself.

    A detector that was trained from frames can be used on these: where no
    windows overlap, its detections are those of the frames. Memory grows with
    the frames of one video that are read.

    Args:
        model (str | Config | nn.Module): Config of the detector, or what
            :func:`init_detector` returned.
        checkpoint (str, optional): Its weights. Defaults to None, those of
            the module.
        device (str): Where it runs. Defaults to ``'cpu'``.

    Raises:
        FileNotFoundError: If there is no such config or checkpoint.
        ValueError: If the detector reads features.
    """

    def __init__(self,
                 model: Any,
                 checkpoint: Optional[str] = None,
                 device: str = 'cpu') -> None:
        if not isinstance(model, nn.Module):
            model = init_detector(model, checkpoint, device)
        self.model = model
        frames = InferencePipeline(model.cfg).frames
        if frames is None or model.encoder is None:
            raise ValueError('the detector must have an encoder, and frames '
                             'in its test pipeline, to make features, but '
                             'reads features itself')
        self._frames = frames
        dataset = frames.grid
        #: What the features depend on, as written beside them.
        self.facts = json.loads(
            json.dumps(
                dict(
                    fps=dataset['fps'],
                    stride=dataset['feat_stride'],
                    window=frames.window,
                    backbone=type(model.encoder.backbone).__name__,
                    config=osp.basename(model.cfg.filename or '') or None,
                    checkpoint=checkpoint and osp.basename(checkpoint),
                    checkpoint_sha256=digest(model, checkpoint),
                    preprocessing=[
                        repr(step) for step in frames.steps.transforms
                    ],
                    dtype=model.predict_dtype or 'float32')))

    def stream(self, *args: Any, **kwargs: Any) -> Iterator[np.ndarray]:
        """Refuse to make features while a video is running.

        Raises:
            ValueError: Always: the frames of a window are encoded together.
        """
        raise ValueError('an encoder of frames needs whole windows of frames '
                         'and cannot follow a running video; detect in '
                         'the whole file when it is complete')

    def events(self, paths: Sequence[str]) -> Iterator[Event]:
        """What happens while features are made; see the base class."""
        for index, path in enumerate(paths):
            try:
                probe_video(path)  # says best what is wrong with a file
                data = pseudo_collate([self._frames(path, path)])
                data = self.model.data_preprocessor(data)
                feats = self.model.encode_videos(**data)[0]
            except (OSError, ValueError) as error:
                yield Event(index, 'failure', error)
                continue
            yield Event(index, 'start', feats.size(1))
            for cell in feats.t().float().cpu().numpy():
                yield Event(index, 'clip', cell)
            yield Event(index, 'end', None)
