"""Are segments in seconds, or in frames or milliseconds."""
import math
from typing import Optional, Set, Tuple

from dataset_survey import Survey, Video, share, some

LATE = 1.5  # durations after which no action ends by mistake


def check_units(survey: Survey) -> Set[str]:
    """Look for segments that fit if divided by frames per second.

    Args:
        survey (Survey): Receives the finding, if half of the videos have
            such segments; fewer are reported as outside of their videos.

    Returns:
        set[str]: Ids of these videos, whose segments mean nothing until that
        is corrected.
    """
    groups, total = {}, 0
    for name, video in survey.videos.items():
        total += len(video.labels) > 0
        unit = _other_unit(video)
        if unit is not None:
            groups.setdefault(unit, []).append(name)
    for (unit, factor), names in groups.items():
        if 2 * len(names) < total:
            continue
        videos = [survey.videos[name] for name in names]
        latest = max(v.segments.max() / v.info['duration'] for v in videos)
        count = sum(len(video.labels) for video in videos)
        survey.add(
            'error', 'seconds', 'segments must be in seconds, but those of '
            f'{share(len(names), total)} videos end up to {latest:.3g} '
            f'durations after the start and fit if divided by {factor:g}, so '
            f'they look like {unit}: {some(names)}, with {count} actions; '
            f'divide their segments by {factor:g}', count)
        return set(names)
    return set()


def _other_unit(video: Video) -> Optional[Tuple[str, float]]:
    """Unit that the segments of a video seem to have, and units per second.

    None if they fit as seconds, or nothing makes them fit.
    """
    duration, fps = video.info['duration'], video.info['fps']
    if not len(video.segments) or not math.isfinite(duration):
        return None
    last = video.segments.max()
    if last <= LATE * duration:
        return None
    for factor, unit in sorted([(fps, 'frames'), (1000., 'milliseconds')]):
        if factor > LATE and last / factor <= 1.05 * duration:
            return unit, factor
    return None
