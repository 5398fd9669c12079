"""Features of many videos into a folder or a file, again and again."""
import os
import os.path as osp
from contextlib import ExitStack, suppress
from typing import (Callable, Collection, Dict, Iterator, List, NamedTuple,
                    Optional, Sequence, Tuple)

from dyfadet_mm.fileio import grid_path, load_grid, remove_parts, save_grid
from .clips import Event
from .extraction_progress import ExtractionProgress
from .feature_writer import Container, FeatureWriter, check_features

# facts that are names only; others tell what is behind them
_NAMES = ('config', 'checkpoint')


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


class OutputJob:
    """Videos of which the features are to be somewhere.

    Args:
        events (Callable): From paths to events with features.
        files (dict[str, str]): Path of every video by id.
        facts (dict): How the features are made, without ``channels``.
        force (bool): Whether features of these videos are replaced.
        progress (bool): Whether a bar is shown.
    """

    def __init__(self, events: Callable[[Sequence[str]], Iterator[Event]],
                 files: Dict[str, str], facts: dict, force: bool,
                 progress: bool) -> None:
        self.events = events
        self.files = files
        self.facts = facts
        self.force = force
        self.progress = progress

    def fill_folder(self, out: str) -> Extraction:
        """Write a file per video, unless it is there.

        Args:
            out (str): Folder, which no other process uses.

        Returns:
            Extraction: What became of them.

        Raises:
            FileExistsError, ValueError: As of :func:`check_same`.
            WriteError: If it cannot be written.
        """
        os.makedirs(out, exist_ok=True)
        remove_parts(out)
        paths = {key: osp.join(out, f'{key}.npy') for key in self.files}
        there = [each for each in os.listdir(out) if each.endswith('.npy')]
        channels = self._check(out, [each[:-4] for each in there])
        kept, failed = [], {}
        for key in filter(lambda key: osp.lexists(paths[key]), paths):
            if self.force:  # all at once, as some may never be replaced
                os.remove(paths[key])
                continue
            try:
                check_features(paths[key], channels=channels)
                kept.append(key)
            except ValueError as error:
                failed[key] = str(error)
        todo = [each for each in paths if each not in (*kept, *failed)]
        written = []
        with ExtractionProgress(len(todo), self.progress) as bar:
            for key, error in self._write(todo, paths, out, bar):
                if error is None:
                    written.append(key)
                else:
                    failed[key] = str(error)
        return Extraction(written, kept, failed)

    def fill_container(self, out: str) -> Extraction:
        """Write one HDF5 file, by way of a folder ``OUT.partial``.

        Args:
            out (str): The file, which no other process uses.

        Returns:
            Extraction: What became of the videos.

        Raises:
            FileExistsError, ValueError: As of :func:`check_same`.
            ImportError: If h5py is not installed.
            WriteError: If it cannot be written.
        """
        container, folder = Container(out), f'{out}.partial'
        old = container.check()
        self._check(out, old)
        kept = [key for key in self.files if key in old and not self.force]
        todo = {k: path for k, path in self.files.items() if k not in kept}
        done = OutputJob(self.events, todo, self.facts, self.force,
                         self.progress).fill_folder(folder)
        new = {
            key: osp.join(folder, f'{key}.npy')
            for key in done.written + done.kept
        }
        if new:
            save_grid(out, load_grid(folder))
            container.add(new, [key for key in old if key not in todo])
        for key in (*new, *kept):
            with suppress(FileNotFoundError):
                os.remove(osp.join(folder, f'{key}.npy'))
        if set(os.listdir(folder)) <= {osp.basename(grid_path(folder))}:
            with suppress(FileNotFoundError):
                os.remove(grid_path(folder))
            os.rmdir(folder)
        return done._replace(kept=kept + done.kept)

    def _check(self, out: str, there: Collection[str]) -> Optional[int]:
        """Check what is there, and give its channels."""
        others = [key for key in there if key not in self.files]
        if not there or self.force and not others:
            return None
        return check_same(out, self.facts)

    def _write(
            self, names: List[str], paths: Dict[str, str], out: str,
            bar: ExtractionProgress
    ) -> Iterator[Tuple[str, Optional[Exception]]]:
        """Write one file per video; give its id, and an error or None."""
        writers: Dict[int, FeatureWriter] = {}
        failed = set()
        with ExitStack() as stack:
            stack.callback(
                lambda: [each.discard() for each in writers.values()])
            for event in self.events([self.files[each] for each in names]):
                index, kind, value = event
                if index in failed:
                    continue
                error = value if kind == 'failure' else None
                if kind == 'start':
                    writers[index] = FeatureWriter(paths[names[index]],
                                                   self.facts['save_dtype'])
                elif kind == 'clip':
                    try:
                        writers[index].append(value)
                    except ValueError as not_finite:
                        error = not_finite
                elif kind == 'end':
                    writer = writers.pop(index)
                    save_grid(out, dict(self.facts, channels=writer.channels))
                    writer.close()
                if error is not None:
                    failed.add(index)
                    if index in writers:
                        writers.pop(index).discard()
                bar.update(event, failed=error is not None)
                if kind == 'end' or error is not None:
                    yield names[index], error


def check_same(out: str, facts: dict) -> int:
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
            f'but {out!r} has some without; choose another')
    for name, value in facts.items():
        if name not in _NAMES and known.get(name) != value:
            raise ValueError(
                f'out must hold features that were made in the same way, but '
                f'{grid_path(out)!r} says {name} = {known.get(name)!r}, and '
                f'now it is {value!r}; choose another, or --force to replace '
                'all of them')
    return known['channels']
