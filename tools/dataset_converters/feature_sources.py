"""What there is to pack, and reading it."""
import os
from typing import Iterator, List, NamedTuple, Optional, Tuple

import numpy as np
from mmengine import fileio
from mmengine.utils import track_iter_progress

from dyfadet_mm.fileio import BaseFeatureReader, load_database
from dyfadet_mm.fileio.feature_readers.containers import container_keys

CONTAINERS = ('.hdf5', '.h5')


class Source(NamedTuple):
    """Features of one video.

    Attributes:
        name (str): Name in the output, without a suffix.
        path (str): Where they are.
    """

    name: str
    path: str


class Reading:
    """Reads one video after the other, and remembers what failed.

    Args:
        reader (BaseFeatureReader): Reader of the sources.
        feat_dim (int, optional): C of every video. Defaults to None, that of
            the first one.
        float16 (bool): Whether to round to half precision.
    """

    def __init__(self, reader: BaseFeatureReader, feat_dim: Optional[int],
                 float16: bool) -> None:
        self.reader = reader
        self.feat_dim = feat_dim
        self.float16 = float16
        self.failures: List[str] = []

    def __call__(self,
                 sources: List[Source]) -> Iterator[Tuple[Source, np.ndarray]]:
        """Read all videos under a progress bar.

        Args:
            sources (list[Source]): What to read.

        Yields:
            tuple[Source, ndarray]: What could be read, (T, C) float32 or
            float16.
        """
        for source in track_iter_progress(sources):
            try:
                feats = self._read(source)
            except (OSError, ValueError) as error:
                self.failures.append(str(error))
            else:
                yield source, feats

    def _read(self, source: Source) -> np.ndarray:
        """Read one video, (T, C)."""
        feats = self.reader.read(source.path, source.name, self.feat_dim)
        self.feat_dim = feats.shape[1]
        if not self.float16:
            return feats
        largest = float(np.abs(feats).max())
        with np.errstate(over='ignore'):
            feats = feats.astype(np.float16)
        if not np.isfinite(feats).all():
            raise ValueError(
                f'features of video {source.name!r} at {source.path!r} must '
                f'be at most 65504 to fit float16, but got {largest:g}; pack '
                'without --float16')
        return feats


def sources_of_annotations(ann_file: str, folder: str, prefix: str,
                           suffix: str) -> List[Source]:
    """The videos of an annotation file.

    Args:
        ann_file (str): JSON in the layout of ActivityNet.
        folder (str): Folder or HDF5 file; ``{subset}`` in it stands for the
            subset of the video in lower case.
        prefix (str): Text before the video id.
        suffix (str): Text after it.

    Returns:
        list[Source]: One per video of all subsets, in the order of the file.
    """
    return [
        Source(
            f'{prefix}{video_id}',
            fileio.join_path(
                folder.replace('{subset}',
                               str(entry.get('subset')).lower()),
                f'{prefix}{video_id}{suffix}'))
        for video_id, entry in load_database(ann_file).items()
    ]


def sources_of_folder(folder: str, prefix: str, suffix: str) -> List[Source]:
    """The feature files of a folder, or the data sets of an HDF5 file.

    Args:
        folder (str): Folder or HDF5 file.
        prefix (str): What names begin with.
        suffix (str): What names end in.

    Returns:
        list[Source]: In alphabetical order.
    """
    if folder.lower().endswith(CONTAINERS):
        names = container_keys(folder)
    else:
        names = fileio.list_dir_or_file(folder, list_dir=False)
    return [
        Source(name[:len(name) - len(suffix)], fileio.join_path(folder, name))
        for name in sorted(names)
        if name.startswith(prefix) and name.endswith(suffix)
    ]


def check_sources(sources: List[Source], where: str) -> None:
    """Check that there are videos, whose names can be files.

    Args:
        sources (list[Source]): Videos.
        where (str): Where they were looked for.

    Raises:
        ValueError: If there are none, or a name leads out of the output.
    """
    if not sources:
        raise ValueError(f'{where!r} must have features, but got none; '
                         'correct the folder, --prefix or --suffix')
    for name, _ in sources:
        if '/' in name or os.sep in name or name in ('', '.', '..'):
            raise ValueError('names of videos must be usable as file names, '
                             f'but got {name!r}')
