"""Detections drawn over their video."""
import os.path as osp
from functools import lru_cache
from typing import Any, Iterable, Iterator, Mapping, Optional, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dyfadet_mm.fileio import VideoReader, find_reversed, write_video
from .layout import assign_lanes
from .lettering import POINTS_PER_INCH, Lettering
from .outputs import check_new
from .segments import Segments, read_detections, read_truth
from .styles import ClassStyles, text_color

MAX_LANES = 3  # of the bars
MAX_NAME = 200  # characters, of which most frames have room for fewer
BACKDROP = (0, 0, 0, 150)  # RGBA, below the bars
PLAYHEAD = (255, 255, 255, 255)


def write_overlay(path: str,
                  video_path: str,
                  video: Mapping[str, Any],
                  classes: Optional[Sequence[str]] = None,
                  *,
                  score_thr: float = 0.3,
                  overwrite: bool = False) -> None:
    """Write a copy of a video with its detections drawn over it.

    Names and scores of the current detections stand above, the best one
    first; bars over the whole length of the video lie below, those of the
    ground truth, if it is given, uppermost. The copy has no sound, and a
    constant frame rate.

    Args:
        path (str): File to write, mp4; missing folders are made.
        video_path (str): The video file.
        video (Mapping): Its segments, as of
            :func:`dyfadet_mm.visualization.draw_timeline`.
        classes (Sequence[str], optional): Names in label order.
            Defaults to None.
        score_thr (float): Lowest score drawn. Defaults to 0.3.
        overwrite (bool): Replace an old file. Defaults to False.

    Raises:
        FileExistsError: If there is such a file and ``overwrite`` is False.
        FileNotFoundError, VideoError: If there is no such video.
        ImportError: If PyAV is not installed.
        ValueError: If arrays differ in length, a number is not finite, or
            both files are one.
        WriteError: As of :func:`dyfadet_mm.fileio.atomic_path`.
    """
    check_new(path, overwrite)
    if osp.exists(path) and osp.samefile(path, video_path):
        raise ValueError('overlay must be another file than the video, but '
                         f'both are {str(path)!r}; choose another name')
    detections = _in_order(read_detections(video, score_thr))
    truth = read_truth(video)
    with VideoReader(video_path) as reader:
        overlay = Overlay(detections,
                          None if truth is None else _in_order(truth), classes,
                          reader.info.duration,
                          (reader.info.height, reader.info.width))
        fps = reader.info.fps
        write_video(path, overlay.draw(reader.resampled(fps), fps), fps)


class Overlay:
    """What is drawn over the frames of one video.

    Args:
        detections (Segments): The best first.
        truth (Segments, optional): Ground truth.
        classes (Sequence[str], optional): Names in label order.
        duration (float): Seconds of the video.
        size (tuple[int, int]): Height and width of a frame.
    """

    def __init__(self, detections: Segments, truth: Optional[Segments],
                 classes: Optional[Sequence[str]], duration: float,
                 size: Sequence[int]) -> None:
        parts = [detections] if truth is None else [truth, detections]
        self._styles = ClassStyles(
            [n for part in parts for n in part.labels.tolist()], classes)
        self._letters = Lettering(map(self._styles.name, self._styles.labels))
        self._detections = detections
        self._duration = duration
        self._height, self._width = size
        self._chip = lru_cache(maxsize=256)(self._draw_chip)
        # pixels: a name, the room around it, a lane of bars
        self._line = max(round(0.055 * min(size)), 13)
        self._gap = max(self._line // 4, 2)
        self._bars = self._draw_bars(parts)

    def draw(self, frames: Iterable[np.ndarray],
             fps: float) -> Iterator[np.ndarray]:
        """Draw over frames of a constant rate.

        Args:
            frames (Iterable[ndarray]): RGB, uint8, (H, W, 3).
            fps (float): Frames per second.

        Yields:
            ndarray: Copies of the frames.
        """
        for number, frame in enumerate(frames):
            yield self._draw_frame(frame.copy(), number / fps)

    def _draw_frame(self, frame: np.ndarray, seconds: float) -> np.ndarray:
        """Draw over a frame, in place."""
        y = self._gap
        bottom = len(frame) - len(self._bars)
        starts, ends = self._detections.segments.T
        current = (starts <= seconds) & (seconds < ends)
        for index in np.flatnonzero(current).tolist():
            chip = self._chip(index)
            if y + len(chip) > bottom:
                break
            _blend(frame, chip, self._gap, y)
            y += len(chip) + self._gap
        _blend(frame, self._bars, 0, bottom)
        x = round(seconds / self._duration * self._width)
        line = np.full((len(self._bars), 2, 4), PLAYHEAD, np.uint8)
        _blend(frame, line, min(x, self._width - 1), bottom)
        return frame

    def _draw_chip(self, index: int) -> np.ndarray:
        """Name and score of a detection on its colour, RGBA, (h, w, 4)."""
        label = int(self._detections.labels[index])
        color = self._styles.patch(label)['facecolor']
        size = 0.7 * self._line  # points, and pixels at 72 of them per inch
        room = (self._width - 4 * self._gap) / POINTS_PER_INCH
        score = f'{self._detections.scores[index]:.2f}'
        rest = self._letters.width(f'...  {score}', size)
        full = self._styles.name(label)
        lines = self._letters.lines(full[:MAX_NAME], size, max(room - rest, 0))
        fits = len(lines) == 1 and len(full) <= MAX_NAME
        name = lines[0] + ('' if fits else '...')
        width = self._letters.width(f'{name}  {score}', size)
        margin = self._gap / POINTS_PER_INCH
        figure = Figure((width + 2 * margin, self._line / POINTS_PER_INCH),
                        dpi=POINTS_PER_INCH,
                        facecolor=(*color, 0.9))
        FigureCanvasAgg(figure)
        # two texts, as the direction of a name must not turn its score
        edge = margin / figure.get_figwidth()
        for text, x, side in ((name, edge, 'left'), (score, 1 - edge,
                                                     'right')):
            figure.text(x, 0.5, text, size=size, color=text_color(color),
                        ha=side, va='center_baseline',
                        **self._letters.font())  # yapf: disable
        figure.canvas.draw()
        return np.asarray(figure.canvas.buffer_rgba())

    def _draw_bars(self, parts: Sequence[Segments]) -> np.ndarray:
        """Bars of all segments, RGBA, (h, width, 4)."""
        high = max(self._line // 3, 3)
        lanes = []
        for part in parts:
            chosen = assign_lanes(part.segments, MAX_LANES)
            first = len(lanes)
            shown = chosen[chosen < MAX_LANES]
            lanes += [[] for _ in range(shown.max(initial=0) + 1)]
            for index in np.flatnonzero(chosen < MAX_LANES).tolist():
                lanes[first + chosen[index]].append((part, index))
        bars = np.empty((len(lanes) * (high + 1) + 1, self._width, 4),
                        np.uint8)
        bars[:] = BACKDROP
        for number, lane in enumerate(lanes):
            y = 1 + number * (high + 1)
            for part, index in lane:
                score = 1. if part.scores is None else part.scores[index]
                color = self._styles.patch(int(part.labels[index]))
                start, end = np.clip(
                    part.segments[index] / self._duration * self._width, 0,
                    self._width).round().astype(int)
                bars[y:y + high, start:max(end, start + 2)] = [
                    round(255 * each)
                    for each in (*color['facecolor'],
                                 0.3 + 0.7 * np.clip(score, 0, 1))
                ]
        return bars


def _blend(frame: np.ndarray, image: np.ndarray, x: int, y: int) -> None:
    """Draw RGBA over RGB, in place; what lies outside is left out."""
    y = max(y, 0)
    target = frame[y:y + len(image), x:x + image.shape[1]]
    image = image[:target.shape[0], :target.shape[1]].astype(np.uint16)
    alpha = image[..., 3:]
    target[:] = (target * (255 - alpha) + image[..., :3] * alpha) // 255


def _in_order(segments: Segments) -> Segments:
    """Those that do not end before they start."""
    keep = ~find_reversed(segments.segments)
    return Segments(*(None if part is None else part[keep]
                      for part in segments))
