"""Videos as the clips of their cells, decoded by several threads."""
import queue
import threading
from collections import deque
from itertools import repeat
from typing import Any, Iterable, Iterator, NamedTuple, Sequence

import numpy as np

from dyfadet_mm.fileio import VideoReader
from dyfadet_mm.structures import FeatureGrid
from .preprocessing import Preprocessing

# of a thread that waits, to see that nobody wants its clips any more
_PATIENCE = 0.2


class Event(NamedTuple):
    """What happens while videos are decoded.

    Attributes:
        video (int): Which one.
        kind (str): ``'start'``, ``'clip'``, ``'end'`` or ``'failure'``.
        value (Any): Cells by the header, the clip, None, or the error.
    """

    video: int
    kind: str
    value: Any


def clips_of(frames: Iterable[np.ndarray], grid: FeatureGrid,
             preprocessing: Preprocessing) -> Iterator[np.ndarray]:
    """Cut frames into the clips of cells.

    No more than a window of frames is held, however many come.

    Args:
        frames (Iterable[ndarray]): uint8, (H, W, 3), at the rate of the grid.
            The same array may come again.
        grid (FeatureGrid): Which of them make a cell.
        preprocessing (Preprocessing): What is done to them.

    Yields:
        ndarray: uint8, (T, height, width, 3), as soon as its last frame is
        there.
    """
    window: deque = deque(maxlen=grid.window)
    count, raw, frame = 0, None, None
    for each in frames:
        if each is not raw:
            raw, frame = each, preprocessing(each)
        window.append(frame)
        count += 1
        last = count - grid.window
        if last >= 0 and last % grid.stride == 0:
            yield _clip(window, preprocessing)
    if 0 < count < grid.window:
        window.extend(repeat(frame, grid.window - count))
        yield _clip(window, preprocessing)


def at_rate(frames: Iterable[np.ndarray], fps: float,
            rate: float) -> Iterator[np.ndarray]:
    """Show frames at another rate.

    Args:
        frames (Iterable[ndarray]): At a constant rate.
        fps (float): That rate.
        rate (float): The other one.

    Yields:
        ndarray: For frame k, the one whose time is nearest to k / ``rate``.
    """
    count = 0
    for number, frame in enumerate(frames):
        while count / rate <= (number + 0.5) / fps:
            yield frame
            count += 1


def read_video(index: int, path: str, grid: FeatureGrid,
               preprocessing: Preprocessing) -> Iterator[Event]:
    """Decode one video.

    No more than a window of frames is held, however long the video is.

    Args:
        index (int): Its number, for the events.
        path (str): Its file.
        grid (FeatureGrid): Which frames make a cell.
        preprocessing (Preprocessing): What is done to them.

    Yields:
        Event: A start, a clip (frames, height, width, 3) uint8 per cell, and
        an end; or a failure where that is.
    """
    try:
        with VideoReader(path) as reader:
            fps = grid.fps or reader.info.fps
            yield Event(index, 'start',
                        grid.num_cells(round(reader.info.duration * fps)))
            frames = reader.resampled(fps)
            for clip in clips_of(frames, grid, preprocessing):
                yield Event(index, 'clip', clip)
    except (OSError, ValueError) as error:
        yield Event(index, 'failure', error)
        return
    yield Event(index, 'end', None)


def _clip(window: deque, preprocessing: Preprocessing) -> np.ndarray:
    """The frames of a window that are seen."""
    return np.stack(list(window)[::preprocessing.frame_interval])


def read_videos(paths: Sequence[str],
                grid: FeatureGrid,
                preprocessing: Preprocessing,
                num_workers: int = 0,
                buffer: int = 16) -> Iterator[Event]:
    """Decode videos, several at a time.

    Threads are enough, as PyAV and OpenCV let others run while they work.

    Args:
        paths (Sequence[str]): Files.
        grid, preprocessing: As of :func:`read_video`.
        num_workers (int): Threads, each with a video of its own. Defaults to
            0, the thread that iterates.
        buffer (int): Most events that wait for who iterates. Defaults to 16.

    Yields:
        Event: As of :func:`read_video`, in order for each video.
    """
    todo = iter(list(enumerate(paths)))
    if num_workers == 0:
        for index, path in todo:
            yield from read_video(index, path, grid, preprocessing)
        return
    events: queue.Queue = queue.Queue(buffer)
    lock, stop = threading.Lock(), threading.Event()

    def put(item: Any) -> None:
        """Hand over, unless nobody wants it."""
        while not stop.is_set():
            try:
                return events.put(item, timeout=_PATIENCE)
            except queue.Full:
                pass

    def work() -> None:
        """Decode one video after another; None or an error is the end."""
        try:
            while not stop.is_set():
                with lock:
                    item = next(todo, None)
                if item is None:
                    break
                for event in read_video(*item, grid, preprocessing):
                    put(event)
                    if stop.is_set():
                        break
            put(None)
        except BaseException as error:
            put(error)

    threads = [
        threading.Thread(target=work, daemon=True)
        for _ in range(min(num_workers, max(len(paths), 1)))
    ]
    for thread in threads:
        thread.start()
    running = len(threads)
    try:
        while running:
            event = events.get()
            if isinstance(event, BaseException):
                raise event
            if event is None:
                running -= 1
            else:
                yield event
    finally:
        stop.set()
        for thread in threads:
            thread.join()
