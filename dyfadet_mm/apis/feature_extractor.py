"""Features of videos, on a grid that is stated beside them."""
import json
import os
import os.path as osp
from contextlib import ExitStack
from dataclasses import asdict
from itertools import islice
from typing import (Dict, Iterable, Iterator, List, NamedTuple, Optional,
                    Sequence, Tuple, Union)

import numpy as np
import torch

from dyfadet_mm.fileio import (CONTAINERS, FolderLock, check_writable,
                               find_videos, grid_path, load_grid, remove_parts,
                               save_grid)
from dyfadet_mm.structures import FeatureGrid
from .clips import Event, Preprocessing, at_rate, clips_of, read_videos
from .extraction_progress import ExtractionProgress
from .feature_writer import Container, FeatureWriter, check_features
from .recognizers import ModelType, build_recognizer, features_of

DTYPES = ('float32', 'float16', 'bfloat16')
SAVE_DTYPES = ('float32', 'float16')


class Extraction(NamedTuple):
    """What became of videos.

    Attributes:
        written (list[str]): Ids of those whose features were written.
        kept (list[str]): Ids of those that had features of this kind.
        failed (dict[str, str]): Why the others have none, by id.
    """

    written: List[str]
    kept: List[str]
    failed: Dict[str, str]


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
        num_workers (int): Threads that decode, each a video. Defaults to 0,
            the one that computes.

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
                 num_workers: int = 0) -> None:
        _check_choice('dtype', dtype, DTYPES)
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
        for event in self._run([video]):
            if event.kind == 'failure':
                raise event.value
            if event.kind == 'clip':
                rows.append(event.value)
        return np.stack(rows)

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
        _check_choice('save_dtype', save_dtype, SAVE_DTYPES)
        files = find_videos([videos] if isinstance(videos, str) else videos)
        facts = dict(self.facts, save_dtype=save_dtype)
        if not out.lower().endswith(CONTAINERS):
            with FolderLock(out, 'feature extraction'):
                return self._fill_folder(files, out, facts, force, progress)
        check_writable(out, 'out')
        with FolderLock(out, 'feature extraction', is_file=True):
            return self._fill_container(files, out, facts, force, progress)

    def _fill_container(self, files: Dict[str, str], out: str, facts: dict,
                        force: bool, progress: bool) -> Extraction:
        """Extract into a folder, then pack that."""
        container, folder = Container(out), f'{out}.partial'
        old = []
        if force:
            for path in (out, grid_path(out)):
                if osp.exists(path):
                    os.remove(path)
        elif osp.exists(out):
            old = container.check(_check_same(out, facts))
        todo = {key: each for key, each in files.items() if key not in old}
        done = self._fill_folder(todo, folder, facts, force, progress)
        names = done.written + done.kept
        if names:
            container.add(
                {each: osp.join(folder, f'{each}.npy')
                 for each in names})
            os.replace(grid_path(folder), grid_path(out))
        for each in names:
            os.remove(osp.join(folder, f'{each}.npy'))
        if osp.isdir(folder) and not os.listdir(folder):
            os.rmdir(folder)
        kept = [each for each in files if each in old]
        return done._replace(kept=kept + done.kept)

    def _fill_folder(self, files: Dict[str, str], out: str, facts: dict,
                     force: bool, progress: bool) -> Extraction:
        """Extract what a folder lacks."""
        os.makedirs(out, exist_ok=True)
        remove_parts(out)
        kept, failed = [], {}
        if not force and _has_content(out):
            channels = _check_same(out, facts)
            for key in files:
                path = osp.join(out, f'{key}.npy')
                try:
                    if osp.exists(path):
                        check_features(path, channels=channels)
                        kept.append(key)
                except ValueError as error:
                    failed[key] = str(error)
        todo = [each for each in files if each not in (*kept, *failed)]
        written = []
        with ExtractionProgress(len(todo), progress) as bar:
            for key, error in self._write(todo, files, out, facts, bar):
                if error is None:
                    written.append(key)
                else:
                    failed[key] = str(error)
        return Extraction(written, kept, failed)

    def _write(
            self, names: List[str], files: Dict[str, str], out: str,
            facts: dict, bar: ExtractionProgress
    ) -> Iterator[Tuple[str, Optional[Exception]]]:
        """Write one file per video; give its id, and an error or None."""
        writers: Dict[int, FeatureWriter] = {}
        failed = set()
        with ExitStack() as stack:
            stack.callback(
                lambda: [each.discard() for each in writers.values()])
            for event in self._run([files[each] for each in names]):
                index, kind, value = event
                name = names[index]
                if index in failed:
                    continue
                error = value if kind == 'failure' else None
                if kind == 'start':
                    path = osp.join(out, f'{name}.npy')
                    writers[index] = FeatureWriter(path, facts['save_dtype'])
                elif kind == 'clip':
                    try:
                        writers[index].append(value)
                    except ValueError as not_finite:
                        error = not_finite
                elif kind == 'end':
                    writer = writers.pop(index)
                    save_grid(out, dict(facts, channels=writer.channels))
                    writer.close()
                    yield name, None
                if error is not None:
                    failed.add(index)
                    if index in writers:
                        writers.pop(index).discard()
                    yield name, error
                bar.update(event, failed=error is not None)

    def _run(self, paths: Sequence[str]) -> Iterator[Event]:
        """Events of videos, with features in the place of clips."""
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

    def _compute(self, events: List[Event]) -> Iterable[Event]:
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


def make_preprocessing(cfg: dict, given: dict) -> Preprocessing:
    """Complete settings by those that a recognizer is tested with.

    Args:
        cfg (dict): Config of a recognizer, or an empty one.
        given (dict): Arguments of :class:`Preprocessing`.

    Returns:
        Preprocessing: With these, and for the rest the size of the test
        pipeline and the mean and std of the data preprocessor.

    Raises:
        TypeError: If one is unknown.
    """
    model = cfg.get('model') or {}
    found = {}
    normalize = model.get('data_preprocessor') or {}
    for name in ('mean', 'std'):
        if normalize.get(name) is not None:
            found[name] = tuple(normalize[name])
    if 'size' not in given:
        for step in cfg.get('test_pipeline') or ():
            kind = step['type'].split('.')[-1]
            if kind in ('CenterCrop', 'ThreeCrop', 'TenCrop'):
                found['size'] = step['crop_size']
            elif kind == 'Resize' and step['scale'][0] in (-1, np.inf):
                found['short_side'] = step['scale'][1]
            elif kind == 'Resize':
                found['size'] = tuple(step['scale'][::-1])
        if 'size' not in found:
            found.pop('short_side', None)
    return Preprocessing(**{**found, **given})


def _make_grid(grid: Union[FeatureGrid, dict, None]) -> FeatureGrid:
    """The grid of an argument or a config."""
    if grid is None:
        raise ValueError(
            'grid must be given, as in grid=dict(stride=4, window=16), since '
            'the config has no feature_extractor.grid; configs/features/ has '
            'configs with the grids of public features')
    return grid if isinstance(grid, FeatureGrid) else FeatureGrid(**grid)


def _check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Refuse what is none of the choices."""
    if value not in choices:
        raise ValueError(f'{name} must be one of {choices}, but got {value!r}')


def _has_content(folder: str) -> bool:
    """Whether a folder holds anything but the lock of this process."""
    return any(not name.startswith('.lock') for name in os.listdir(folder))


def _check_same(out: str, facts: dict) -> int:
    """Refuse to go on with features that were made in another way.

    Args:
        out (str): Folder or file that exists.
        facts (dict): How they would be made now.

    Returns:
        int: Their channels.

    Raises:
        FileExistsError: If it says nothing of how they were made.
        ValueError: If that differs.
    """
    known = load_grid(out)
    if known is None:
        raise FileExistsError(
            f'out must be new, or hold features with a {grid_path(out)!r}, '
            f'but {out!r} exists without; choose another, or --force')
    for name, value in facts.items():
        if known.get(name) != value:
            raise ValueError(
                f'out must hold features that were made in the same way, but '
                f'{grid_path(out)!r} says {name} = {known.get(name)!r}, and '
                f'now it is {value!r}; choose another, or --force')
    return known['channels']
