"""Writing of video files."""
import itertools
from fractions import Fraction
from typing import Iterable, Tuple

import numpy as np

from .atomic import atomic_path
from .videos import MAX_FPS, import_av


def write_video(path: str,
                frames: Iterable[np.ndarray],
                fps: float,
                crf: int = 18) -> int:
    """Write an mp4 file in H.264, as browsers play it.

    It appears when it is complete; an old one is replaced. Pixels are yuv420p
    and come in pairs: an odd size is padded by its last row or column.

    Args:
        path (str): The file.
        frames (Iterable[ndarray]): RGB, uint8, (H, W, 3), all of one size.
        fps (float): Frames per second.
        crf (int): Quality, from 0, without loss but for the pairs, to 51.
            Defaults to 18.

    Returns:
        int: Number of frames.

    Raises:
        ImportError: If PyAV is not installed.
        ValueError: If there are no frames, or they are of another kind.
        WriteError: If the file cannot be written.
    """
    av = import_av()
    if not 0 < fps <= MAX_FPS:
        raise ValueError(f'fps must be above 0 and at most {MAX_FPS}, but got '
                         f'{fps}')
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise ValueError(f'frames of {str(path)!r} must be at least one, but '
                         'there is none')
    count = 0
    with atomic_path(path) as part, av.open(
            part, 'w', format='mp4', options={'movflags':
                                              '+faststart'}) as container:
        stream = container.add_stream(
            'libx264', _fraction(fps), options={'crf': str(crf)})
        height, width = _check_frame(first, first.shape).shape[:2]
        stream.height, stream.width = height + height % 2, width + width % 2
        stream.pix_fmt = 'yuv420p'
        for frame in itertools.chain([first], frames):
            frame = _check_frame(frame, first.shape)
            frame = np.pad(frame, [(0, height % 2), (0, width % 2), (0, 0)],
                           'edge')
            frame = av.VideoFrame.from_ndarray(frame, format='rgb24')
            container.mux(stream.encode(frame))
            count += 1
        container.mux(stream.encode())
    return count


def _fraction(fps: float) -> Fraction:
    """A frame rate as codecs want it, 29.97 as 30000 / 1001."""
    television = Fraction(round(fps * 1.001) * 1000, 1001)
    if fps != round(fps) and abs(television - fps) < 1e-3:
        return television
    return Fraction(fps).limit_denominator(1000)


def _check_frame(frame: np.ndarray, shape: Tuple[int, ...]) -> np.ndarray:
    """Refuse what is no picture of a size."""
    frame = np.asarray(frame)
    if (frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3
            or frame.shape != tuple(shape) or 0 in frame.shape):
        raise ValueError('frames must be uint8 RGB (H, W, 3) of one size, but '
                         f'got {frame.dtype} {frame.shape} after {shape}')
    return frame
