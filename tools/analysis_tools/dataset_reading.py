"""Features of a data set, read in parallel as its pipeline reads them."""
import hashlib
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from typing import List, Optional, Tuple

import numpy as np
from dataset_magnitudes import measure_magnitude
from dataset_survey import DATA_ERRORS, Reading, Survey, Video, some, text_of
from mmcv.transforms import BaseTransform, Compose
from rich.progress import track

from dyfadet_mm.datasets import (LoadFeatures, PackTADInputs, SampleCellFrames,
                                 SecondsToGrid)
from dyfadet_mm.datasets.video_dataset import reading_video
from dyfadet_mm.fileio import VideoError
from dyfadet_mm.fileio.feature_readers.checks import check_features

MISSING, UNREADABLE = 'missing features', 'unreadable features'
NOT_FINITE, TRANSPOSED = 'NaN or infinity', 'transposed features'
DIMENSION, PIPELINE = 'feature dimension', 'pipeline'


class VideoReader:
    """Load a video and put its actions on the grid, without augmentation.

    Of a video file, the header is read, and no frame decoded.

    Args:
        transforms (list[BaseTransform]): Pipeline of the dataset. Its steps
            up to :class:`SecondsToGrid` draw no random numbers.

    Raises:
        ValueError: If no step loads features or chooses frames.
    """

    def __init__(self, transforms: List[BaseTransform]) -> None:
        steps = list(
            takewhile(
                lambda step: not isinstance(step,
                                            (SecondsToGrid, PackTADInputs)),
                transforms))
        if steps and isinstance(steps[-1], SampleCellFrames):
            steps = [Compose(steps)]
        elif not steps or not _loaders(steps[0]):
            raise ValueError('pipeline must begin with LoadFeatures or '
                             'ConcatFeatures, or with a step that opens a '
                             'video and SampleCellFrames, but got '
                             f'{steps[:1]}')
        self.load, *self.steps = *steps, SecondsToGrid()
        self.loaders = _loaders(self.load)
        for loader in self.loaders:
            loader.cache_mib = 0  # every file is read once

    def __call__(self, video: Video) -> Reading:
        """Read one video.

        Args:
            video (Video): From the annotation file.

        Returns:
            Reading: What was found, or what is wrong.
        """
        results = dict(
            video.info, segments_s=video.segments, labels_s=video.labels)
        problem, text = '', ''
        try:
            if self.loaders:
                feats = self.load(dict(results))['feats']
            else:
                with reading_video(video.info['filename']):
                    results = self.load(results)
                feats = results['feats']  # indices of frames, (T, k)
        except DATA_ERRORS as error:
            problem, feats = self._diagnose(video.info, error)
            text = text_of(error)
            if feats is None:
                return Reading(problem, text)
        shape, digest = feats.shape, hashlib.blake2b(feats).digest()
        magnitude = None if problem else measure_magnitude(feats)
        if not self.loaders:  # says nothing of what the frames show
            digest, magnitude = video.info['filename'].encode(), None
        results['feats'] = feats
        try:
            for step in self.steps:
                results = step(results)
        except DATA_ERRORS as error:
            return Reading(PIPELINE, text_of(error), shape, digest)
        return Reading(problem, text, shape, digest, len(results['feats']),
                       results['segments'], results['labels_s'], magnitude)

    def _diagnose(self, info: dict,
                  error: Exception) -> Tuple[str, Optional[np.ndarray]]:
        """Say which kind of problem it was.

        Args:
            info (dict): Start of the pipeline.
            error (Exception): What the loading step said.

        Returns:
            tuple: Kind, and the features (T, C) float32 if their length can
            be told all the same.
        """
        if isinstance(error, FileNotFoundError):
            return MISSING, None
        if isinstance(error, VideoError):
            return UNREADABLE, None
        for loader in self.loaders:
            path = info['feature_paths'].get(loader.source)
            if path is None:
                break
            try:
                feats = loader.reader.load(path)
            except DATA_ERRORS:
                return UNREADABLE, None
            if feats.ndim != 2 or feats.dtype.kind not in 'fiu':
                return UNREADABLE, None
            kind = _problem_of(feats, loader.feat_dim)
            if kind:
                feats = feats.T if kind == TRANSPOSED else feats
                # of several sources, others may decide the length
                only = len(self.loaders) == 1 and feats.size
                return kind, _to_float32(feats) if only else None
        return PIPELINE, None


def _problem_of(feats: np.ndarray, feat_dim: Optional[int]) -> str:
    """What is wrong with an array of numbers, empty if nothing."""
    if feat_dim not in (None, feats.shape[1]):
        return TRANSPOSED if feats.shape[0] == feat_dim else DIMENSION
    if not feats.size:
        return UNREADABLE
    return '' if np.isfinite(_to_float32(feats)).all() else NOT_FINITE


def _to_float32(feats: np.ndarray) -> np.ndarray:
    """Features as the model would see them; what is too large is infinite."""
    with np.errstate(over='ignore'):
        return np.ascontiguousarray(feats, dtype=np.float32)


def _loaders(step: BaseTransform) -> List[LoadFeatures]:
    """The loader of every feature source, none of frames."""
    if isinstance(step, LoadFeatures):
        return [step]
    return list(getattr(step, 'loaders', ()))


def read_features(survey: Survey, max_videos: Optional[int],
                  jobs: int) -> None:
    """Read features, and note what is missing or refused.

    Args:
        survey (Survey): Receives ``readings`` and findings.
        max_videos (int, optional): Most videos that are read, drawn by
            chance, always the same. None reads all.
        jobs (int): Threads that read.
    """
    if survey.dataset is None:
        return
    _note_missing(survey)
    names = _choose(survey, max_videos)
    try:
        reader = VideoReader(survey.dataset.pipeline.transforms)
    except ValueError as error:
        survey.add('error', PIPELINE, text_of(error))
        return
    with ThreadPoolExecutor(jobs) as pool:
        readings = pool.map(reader, [survey.videos[name] for name in names])
        shown = track(
            readings,
            f'reading {survey.name}',
            total=len(names),
            transient=True)
        survey.readings = dict(zip(names, shown))
    _note_problems(survey)


def read_headers(survey: Survey, jobs: int) -> None:
    """Find the shapes of features, and note what is missing or refused.

    The values of an npy file on a local disk are not read, so that their
    problems stay unknown. Segments are left in seconds.

    Args:
        survey (Survey): Receives ``readings`` and findings. Its pipeline
            begins with :class:`LoadFeatures`.
        jobs (int): Threads that read.
    """
    _note_missing(survey)
    names = _choose(survey, None)
    loader = survey.dataset.pipeline.transforms[0]
    with ThreadPoolExecutor(jobs) as pool:
        readings = pool.map(lambda name: _header(survey.videos[name], loader),
                            names)
        survey.readings = dict(zip(names, readings))
    _note_problems(survey)


def _header(video: Video, loader: LoadFeatures) -> Reading:
    """Shape of the features of one video, or what is wrong with it."""
    path = video.info['feature_paths'][loader.source]
    try:
        try:
            feats = np.lib.format.open_memmap(path, mode='r')
            check_features(feats)
        except Exception:  # a damaged header raises anything
            # another kind of file or place, or one that the reader explains
            feats = loader.reader.read(path, video.info['video_id'])
    except DATA_ERRORS as error:
        return Reading(UNREADABLE, text_of(error))
    return Reading(
        shape=feats.shape,
        num_cells=len(feats),
        segments=video.segments,
        labels=video.labels)


def _choose(survey: Survey, max_videos: Optional[int]) -> List[str]:
    """Ids of the videos to read, in the order of the file."""
    names = [name for name in survey.videos if name not in survey.missing]
    if max_videos is None or len(names) <= max_videos:
        return names
    survey.add(
        'note', 'sample', f'only {max_videos} of {len(names)} videos were '
        'read, drawn by chance: what is said about features and the feature '
        'grid holds for these', max_videos)
    chosen = np.random.default_rng(0).choice(
        len(names), max_videos, replace=False)
    return [names[i] for i in sorted(chosen)]


def _note_missing(survey: Survey) -> None:
    """Count the videos without feature file, and name the first."""
    missing, total = survey.missing, len(survey.videos)
    if not missing:
        return
    skipped = survey.dataset.filter_missing and len(missing) < total
    name, path = next(iter(missing.items()))
    remedy = ('filter_missing=True leaves them out' if skipped else
              'correct data_root, data_prefix, file_prefix or file_suffix, or '
              'leave such videos out with filter_missing=True')
    survey.add(
        'warning' if skipped else 'error', MISSING,
        f'{len(missing)} of {total} videos have no features, first {name!r} '
        f'at {path!r}; {remedy}', len(missing))


def _note_problems(survey: Survey) -> None:
    """One finding for every kind of problem, with the first of its kind."""
    by_kind = {}
    for name, reading in survey.readings.items():
        if reading.problem:
            by_kind.setdefault(reading.problem, []).append(name)
    for kind, names in by_kind.items():
        first = survey.readings[names[0]].text
        others = f'; likewise {some(names[1:])}' if names[1:] else ''
        survey.add(
            'error', kind, f'{len(names)} of {len(survey.readings)} videos: '
            f'{first}{others}', len(names))
