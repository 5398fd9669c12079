"""The bar that is shown while features are made."""
from typing import Any, Dict

from rich.progress import (BarColumn, Progress, TextColumn, TimeElapsedColumn,
                           TimeRemainingColumn)

from .clips import Event


class ExtractionProgress:
    """Videos done, of which the ones at work count by their cells.

    Args:
        num_videos (int): How many there are.
        enabled (bool): Whether anything is shown.
    """

    def __init__(self, num_videos: int, enabled: bool) -> None:
        self._bar = Progress(
            TextColumn('{task.description}'),
            BarColumn(),
            TextColumn('{task.percentage:>5.1f} %'),
            TextColumn('{task.fields[cells]} cells'),
            TimeElapsedColumn(),
            TextColumn('left'),
            TimeRemainingColumn(),
            disable=not enabled)
        self._task = self._bar.add_task('features', total=num_videos, cells=0)
        self._share: Dict[int, float] = {}  # of a video per cell
        self._done: Dict[int, float] = {}  # of a video
        self._finished = self._cells = 0

    def __enter__(self) -> 'ExtractionProgress':
        self._bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.stop()

    def update(self, event: Event, failed: bool) -> None:
        """Show one more event.

        Args:
            event (Event): What happened.
            failed (bool): Whether the video was given up with it.
        """
        index = event.video
        if event.kind == 'start':
            self._share[index] = 1 / max(event.value, 1)
            self._done[index] = 0.
        elif event.kind == 'clip':
            # headers may promise too few cells
            self._done[index] = min(self._done[index] + self._share[index], 1)
            self._cells += 1
        if event.kind == 'end' or failed:
            self._done.pop(index, None)
            self._finished += 1
        self._bar.update(
            self._task,
            completed=self._finished + sum(self._done.values()),
            cells=self._cells)
