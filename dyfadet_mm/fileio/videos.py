"""Video files: frames in the order and at the times of their presentation.

PyAV decodes, the binding of FFmpeg's libraries that is maintained, has wheels
for all platforms and gives time stamps. decord, which MMAction2 takes first,
had its last release in 2021.
"""
import itertools
import math
import os.path as osp
from contextlib import contextmanager
from functools import lru_cache
from types import ModuleType
from typing import Any, Iterator, NamedTuple, Tuple

import numpy as np

INSTALL = 'pip install "dyfadet_mm[video]"'
#: Containers that are opened. FFmpeg knows others that are lists of files or
#: addresses, which it would open too, or pictures of text.
FORMATS = ('mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,'
           'flv,asf,ogg,h264,hevc,obu,ivf,gif,m4v,mxf,rm,nut,dv,yuv4mpegpipe')
#: Rates above this are units of time, as in the files of web browsers.
MAX_FPS = 500
#: Seconds without a frame beyond which time stamps are damaged.
MAX_GAP = 3600
# threads of a decoder, each of which holds frames
_THREADS = 4


class VideoError(ValueError):
    """A file is no video, or no whole one."""


class VideoInfo(NamedTuple):
    """What the header of a video file says.

    Attributes:
        path (str): The file.
        duration (float): Seconds.
        fps (float): Frames per second: the nominal rate where all frames
            have it, else the average.
        num_frames (int): An estimate, as headers may be wrong by a few.
        width (int): Pixels, after rotation.
        height (int): Pixels, after rotation.
    """

    path: str
    duration: float
    fps: float
    num_frames: int
    width: int
    height: int


def probe_video(path: str) -> VideoInfo:
    """Read the header of a video file, and its first frame.

    Args:
        path (str): Local file.

    Returns:
        VideoInfo: What it says.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If PyAV is not installed.
        VideoError: If it is no video with frames.
    """
    with VideoReader(path) as reader:
        return reader.info


@lru_cache(maxsize=None)
def check_container(path: str) -> None:
    """Check that a file is one of :data:`FORMATS`, once in a process.

    Args:
        path (str): Local file.

    Raises:
        FileNotFoundError, ImportError, VideoError: As of
            :func:`probe_video`, but no frame is decoded.
    """
    _open(import_av(), path)[0].close()


class VideoReader:
    """The frames of a video file, one after another.

    It holds a few frames at a time, however long the video is. Iterating
    gives ``(seconds, frame)`` in the order of presentation, once: seconds
    since the first frame, from the file's time stamps, and the frame in RGB,
    uint8, (H, W, 3). The rotation that phones note in the file is applied, an
    alpha channel is left out.

    .. code-block:: python

        with VideoReader('video.mp4') as reader:
            for seconds, frame in reader:
                ...

    Args:
        path (str): Local file.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If PyAV is not installed.
        VideoError: If it is no video with frames; while iterating, if it
            ends before its header says, or cannot be decoded.
    """

    def __init__(self, path: str) -> None:
        self._av = import_av()
        self.path = str(path)
        #: Seconds at which the last frame that was given ends.
        self.end = 0.
        self._container, self._stream = _open(self._av, self.path)
        try:
            self._stream.thread_type = 'AUTO'
            self._stream.codec_context.thread_count = _THREADS
            self._rgb = self._av.video.reformatter.VideoReformatter()
            self._decoded = self._decode()
            first = next(self._decoded, None)
            if first is None:
                raise VideoError(f'video {self.path!r} must have frames, but '
                                 'has none; replace it')
            self.info, self._known_end = self._read_header(first)
        except BaseException:
            self.close()
            raise
        self._decoded = itertools.chain([first], self._decoded)

    def __enter__(self) -> 'VideoReader':
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def __iter__(self) -> Iterator[Tuple[float, np.ndarray]]:
        for seconds, frame in self._frames():
            yield seconds, self._to_rgb(frame)

    def resampled(self, fps: float) -> Iterator[np.ndarray]:
        """The frames of the same video at a constant rate.

        Frame k is the one whose time is nearest to k / ``fps``. A video that
        has this rate gives its own frames.

        Args:
            fps (float): Frames per second.

        Yields:
            ndarray: RGB, uint8, (H, W, 3). Where a frame is shown more than
            once, the same array comes again.

        Raises:
            VideoError: As when iterating.
        """
        count, last, held, rgb = 0, None, None, None
        for seconds, frame in self._frames():
            while last is not None and count / fps <= (last + seconds) / 2:
                rgb = self._to_rgb(held) if rgb is None else rgb
                yield rgb
                count += 1
            last, held, rgb = seconds, frame, None
        rgb = self._to_rgb(held) if rgb is None else rgb
        while count < max(math.floor(self.end * fps + 0.5), 1):
            yield rgb
            count += 1

    def _decode(self) -> Iterator[Any]:
        """Frames of PyAV, with its errors as ours."""
        try:
            yield from self._container.decode(self._stream)
        except self._av.FFmpegError as error:
            raise self._broken(str(error)) from error

    def _frames(self) -> Iterator[Tuple[float, Any]]:
        """Frames of PyAV and their seconds, to the end of the video."""
        first, last = None, 0.
        for frame in self._decoded:
            stamp = frame.dts if frame.pts is None else frame.pts
            seconds = self.end  # of a frame without time stamp
            if stamp is not None:
                stamp *= float(frame.time_base)
                first = stamp if first is None else first
                seconds = max(stamp - first, last)
            if seconds - last > MAX_GAP:
                raise self._broken(f'the next frame {seconds - last:.0f} '
                                   'seconds later')
            self.end = seconds + _length(frame, self.info.fps)
            yield seconds, frame
            last = seconds
        missing = self._known_end - self.end
        if missing > max(3 / self.info.fps, 0.02 * self._known_end):
            raise self._broken('the end of the file')

    def _broken(self, what: str) -> VideoError:
        """The error for a video that cannot be read to its end."""
        return VideoError(
            f'video {self.path!r} must be readable to its end, but after '
            f'{self.end:.1f} seconds got: {what}; it is damaged or cut off, '
            'replace it')

    def _to_rgb(self, frame: Any) -> np.ndarray:
        """Pixels of a frame as they are to be seen."""
        image = self._rgb.reformat(frame, format='rgb24').to_ndarray()
        # counterclockwise, as numpy
        return np.ascontiguousarray(np.rot90(image, _quarters(frame)))

    def _read_header(self, frame: Any) -> Tuple[VideoInfo, float]:
        """What the header says, and seconds of which it is certain."""
        stream, container = self._stream, self._container
        seconds = known = float(
            (stream.duration or 0) * (stream.time_base or 0))
        if not seconds and container.duration:
            seconds = container.duration / self._av.time_base
            # of the longest stream
            known = seconds if len(container.streams) == 1 else 0.
        fps = _frame_rate(stream, seconds)
        num_frames = stream.frames or round(seconds * fps)
        if not (0 < fps <= MAX_FPS and seconds > 0):
            num_frames, seconds = _count(self._av, self.path)
            fps = num_frames / seconds
        size = (frame.width, frame.height)
        width, height = size[::-1] if _quarters(frame) % 2 else size
        return VideoInfo(self.path, seconds, fps, max(num_frames, 1), width,
                         height), known


def import_av() -> ModuleType:
    """PyAV, or what to do without it."""
    try:
        import av
    except ImportError as error:
        raise ImportError('video files need PyAV, which is not installed: '
                          f'{INSTALL}') from error
    return av


def _open(av: ModuleType, path: str) -> Tuple[Any, Any]:
    """Open a video file, and choose its first stream of moving pictures."""
    if not osp.exists(path):
        raise FileNotFoundError(f'no video at {path!r}; check the path')
    if not osp.isfile(path):
        raise VideoError(f'video must be a regular file, but {path!r} is none')
    with _opening(av, path):
        # the prefix keeps names such as 'concat:a' from meaning something
        container = av.open(
            f'file:{path}',
            options=dict(format_whitelist=FORMATS, protocol_whitelist='file'))
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            return container, stream
    kinds = sorted({stream.type for stream in container.streams})
    container.close()
    raise VideoError(f'video {path!r} must have moving pictures, but has '
                     f'{" and ".join(kinds) or "nothing"} only')


@contextmanager
def _opening(av: ModuleType, path: str) -> Iterator[None]:
    """Turn an error of PyAV into ours."""
    try:
        yield
    except PermissionError:
        raise
    except av.FFmpegError as error:
        raise VideoError(f'{path!r} must be a whole video file, but got: '
                         f'{error.strerror}; replace it') from error


def _quarters(frame: Any) -> int:
    """Quarter turns, counterclockwise, that set a frame upright."""
    return round(frame.rotation / 90) % 4


def _length(frame: Any, fps: float) -> float:
    """Seconds for which a frame is shown."""
    if frame.duration and frame.time_base:
        return min(float(frame.duration * frame.time_base), MAX_GAP)
    return 1 / fps


def _frame_rate(stream: Any, seconds: float) -> float:
    """Frames per second of a stream, 0 if unknown.

    The average is wrong by one frame in all, or two, where the duration
    counts from the first to the last one, or a player hides some.
    """
    average = float(stream.average_rate or 0)
    nominal = float(stream.base_rate or 0)
    frames = stream.frames or seconds * average
    return nominal if abs(nominal * seconds - frames) <= 2 else average


def _count(av: ModuleType, path: str) -> Tuple[int, float]:
    """Count the frames of a file without decoding, and their seconds."""
    container, stream = _open(av, path)
    with container, _opening(av, path):
        stamps = [
            float(packet.pts * packet.time_base)
            for packet in container.demux(stream) if packet.pts is not None
        ]
    length = max(stamps, default=0.) - min(stamps, default=0.)
    if not length:  # a picture
        return 1, 1.
    return len(stamps), length * len(stamps) / (len(stamps) - 1)
