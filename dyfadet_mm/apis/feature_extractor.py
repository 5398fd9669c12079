"""Features of videos, on a grid that is stated beside them."""
import json
from dataclasses import asdict
from itertools import islice
from typing import Iterable, Iterator, List, Optional, Sequence, Union

import numpy as np
import torch

from dyfadet_mm.fileio import (CONTAINERS, FolderLock, check_writable,
                               find_videos)
from dyfadet_mm.structures import FeatureGrid
from dyfadet_mm.utils.checks import check_choice
from .clips import Event, at_rate, clips_of, read_videos
from .feature_output import Extraction, OutputJob
from .preprocessing import make_preprocessing
from .recognizers import ModelType, build_recognizer, features_of

DTYPES = ('float32', 'float16', 'bfloat16')
SAVE_DTYPES = ('float32', 'float16')


class FeatureExtractor:
    """Makes one feature of every window of a video.

    A video is decoded as a stream: memory does not grow with its length.
    Cell t sees exactly the frames that the grid says, at its rate or that of
    the video, by the time stamps of the file.

    Args:
        model (str | Config | dict | nn.Module | Callable): A recognizer of
            MMAction2 by config or name, or what maps clips (B, 3, T, H, W)
            to (B, C); see :func:`build_recognizer`. A config may say
            ``feature_extractor = dict(grid=dict(...),
            preprocessing=dict(...))``, as those in ``configs/features/`` do.
        checkpoint (str, optional): Path or URL of its weights. Defaults to
            None: published ones of a name, else random ones, with a warning.
        grid (FeatureGrid | dict, optional): Which frames make a cell.
            Defaults to None, that of the config.
        preprocessing (dict, optional): Arguments of :class:`Preprocessing`
            that differ from those of the config, or without them from the
            test pipeline and data preprocessor of the recognizer.
        device (str): Where the model runs. Defaults to ``'cpu'``.
        batch_size (int): Clips at a time, of one or several videos. Defaults
            to 8.
        dtype (str): What the model computes in: ``'float32'``,
            ``'float16'`` or ``'bfloat16'``. Defaults to ``'float32'``.
        num_workers (int): Threads that decode, each a video. Defaults to 1;
            0 is the one that computes, where the small arrays of frames
            between the large ones of the model can scatter the heap.

    Raises:
        FileNotFoundError: If there is no such config, name or checkpoint.
        TypeError, ValueError: If an argument or the config is wrong.

    Example:
        >>> extractor = FeatureExtractor(
        ...     'configs/features/thumos14_i3d.py', 'i3d.pth'
        ... )  # doctest: +SKIP
        >>> extractor.extract('video.mp4').shape  # doctest: +SKIP
        (178, 2048)
    """

    def __init__(self,
                 model: ModelType,
                 checkpoint: Optional[str] = None,
                 grid: Union[FeatureGrid, dict, None] = None,
                 preprocessing: Optional[dict] = None,
                 device: str = 'cpu',
                 batch_size: int = 8,
                 dtype: str = 'float32',
                 num_workers: int = 1) -> None:
        check_choice('dtype', dtype, DTYPES)
        for name, value, least in (('batch_size', batch_size, 1),
                                   ('num_workers', num_workers, 0)):
            if value < least:
                raise ValueError(f'{name} must be at least {least}, but got '
                                 f'{value}')
        recognizer = build_recognizer(model, checkpoint)
        settings = recognizer.cfg.get('feature_extractor') or {}
        #: Which frames make a cell.
        self.grid = _make_grid(grid or settings.get('grid'))
        self.preprocessing = make_preprocessing(recognizer.cfg, {
            **settings.get('preprocessing', {}),
            **(preprocessing or {})
        })
        self.module = recognizer.module
        if isinstance(self.module, torch.nn.Module):
            self.module.to(device)
        self.device, self.dtype = torch.device(device), getattr(torch, dtype)
        self.batch_size, self.num_workers = batch_size, num_workers
        #: What the features depend on, as written beside them.
        self.facts = json.loads(
            json.dumps(
                dict(
                    asdict(self.grid),
                    **recognizer.facts,
                    preprocessing=asdict(self.preprocessing),
                    dtype=dtype)))

    def extract(self, video: str) -> np.ndarray:
        """Make the features of one video.

        Args:
            video (str): Its file.

        Returns:
            ndarray: (T, C) float32.

        Raises:
            FileNotFoundError: If there is no such file.
            VideoError: If it is no video, or damaged.
        """
        rows = []
        for event in self.events([video]):
            if event.kind == 'failure':
                raise event.value
            if event.kind == 'clip':
                rows.append(event.value)
        return np.stack(rows)

    def facts_at(self, fps: Optional[float]) -> dict:
        """What the features of a video depend on.

        Args:
            fps (float, optional): Rate of the video.

        Returns:
            dict: ``facts``, with that rate where the grid has none.
        """
        return dict(self.facts, fps=self.facts['fps'] or fps)

    def stream(self,
               frames: Iterable[np.ndarray],
               fps: Optional[float] = None) -> Iterator[np.ndarray]:
        """Make features while a video is running.

        Args:
            frames (Iterable[ndarray]): RGB, uint8, (H, W, 3).
            fps (float, optional): Their rate. Defaults to None, that of the
                grid.

        Yields:
            ndarray: Of the next ``batch_size`` cells, fewer at the end,
            (n, C) float32.
        """
        if None not in (fps, self.grid.fps) and fps != self.grid.fps:
            frames = at_rate(frames, fps, self.grid.fps)
        clips = clips_of(frames, self.grid, self.preprocessing)
        while batch := list(islice(clips, self.batch_size)):
            yield self._features(np.stack(batch))

    def extract_to(self,
                   videos: Union[str, Sequence[str]],
                   out: str,
                   save_dtype: str = 'float32',
                   force: bool = False,
                   progress: bool = False) -> Extraction:
        """Write the features of videos, and their grid beside them.

        What is there is kept, if it was made in the same way, so that the
        same call goes on where a killed one was. Files appear when they are
        complete and have been read again. A video that cannot be read is
        left out, and the others go on.

        Args:
            videos (str | Sequence[str]): Files and folders.
            out (str): Folder for a file ``ID.npy`` per video, or one file
                that ends in ``.hdf5`` or ``.h5``, with a data set per video.
                Until all are done, those lie in ``OUT.partial``.
            save_dtype (str): ``'float32'`` or ``'float16'``. Defaults to
                ``'float32'``.
            force (bool): Replace what is there. Defaults to False.
            progress (bool): Show a bar. Defaults to False.

        Returns:
            Extraction: What became of them.

        Raises:
            FileExistsError: If ``out`` holds something else.
            InUseError: If another process writes there.
            ValueError: If ``out`` was made in another way.
            WriteError: If it cannot be written.
        """
        check_choice('save_dtype', save_dtype, SAVE_DTYPES)
        files = find_videos([videos] if isinstance(videos, str) else videos)
        facts = dict(self.facts, save_dtype=save_dtype)
        job = OutputJob(self.events, files, facts, force, progress)
        if not out.lower().endswith(CONTAINERS):
            with FolderLock(out, 'feature extraction'):
                return job.fill_folder(out)
        check_writable(out, 'out')
        with FolderLock(out, 'feature extraction', is_file=True):
            return job.fill_container(out)

    def events(self, paths: Sequence[str]) -> Iterator[Event]:
        """What happens while features are made, as it happens.

        Args:
            paths (Sequence[str]): Files.

        Yields:
            Event: As of :func:`read_videos`, with a feature (C, ) float32 in
            the place of each clip.
        """
        waiting: List[Event] = []  # in order
        size = 0
        for event in read_videos(paths, self.grid, self.preprocessing,
                                 self.num_workers, 2 * self.batch_size):
            if event.kind == 'clip':
                other = next((e for e in waiting if e.kind == 'clip'), event)
                if event.value.shape != other.value.shape:
                    yield from self._compute(waiting)
                    waiting, size = [], 0
                size += 1
            waiting.append(event)
            if size == self.batch_size:
                yield from self._compute(waiting)
                waiting, size = [], 0
        yield from self._compute(waiting)

    def _compute(self, events: List[Event]) -> List[Event]:
        """Turn the clips among events into features (C, )."""
        clips = [e.value for e in events if e.kind == 'clip']
        features = iter(self._features(np.stack(clips)) if clips else ())
        return [
            e._replace(value=next(features)) if e.kind == 'clip' else e
            for e in events
        ]

    @torch.no_grad()
    def _features(self, clips: np.ndarray) -> np.ndarray:
        """Features (B, C) float32 of clips (B, T, H, W, 3) uint8."""
        x = torch.from_numpy(clips).to(self.device)
        x = x.permute(0, 4, 1, 2, 3).float()  # (B, 3, T, H, W)
        mean, std = (
            x.new_tensor(each).view(3, 1, 1, 1)
            for each in (self.preprocessing.mean, self.preprocessing.std))
        with torch.autocast(
                self.device.type, self.dtype, enabled=self.dtype
                != torch.float32):
            features = features_of(self.module, x.sub_(mean).div_(std))
        return features.float().cpu().numpy()


def _make_grid(grid: Union[FeatureGrid, dict, None]) -> FeatureGrid:
    """The grid of an argument or a config."""
    if grid is None:
        raise ValueError(
            'grid must be given, as in grid=dict(stride=4, window=16), since '
            'the config has no feature_extractor.grid; configs/features/ has '
            'configs with the grids of public features')
    return grid if isinstance(grid, FeatureGrid) else FeatureGrid(**grid)
