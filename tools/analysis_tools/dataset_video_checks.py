"""Do features have as many cells as their videos have frames for."""
from typing import Dict

from dataset_survey import Survey, some

from dyfadet_mm.fileio import VideoError, find_videos, probe_video
from dyfadet_mm.structures import FeatureGrid


def check_videos(survey: Survey, folder: str) -> None:
    """Compare features with the headers of their video files.

    Args:
        survey (Survey): With readings; receives the findings.
        folder (str): Of videos named by their ids, with ``v_`` or without;
            those it lacks are left out.

    Raises:
        FileNotFoundError: If there are no videos in it.
        ImportError: If PyAV is not installed.
    """
    dataset = survey.dataset
    numbers = (dataset.feat_stride, dataset.feat_num_frames)
    if None in numbers or any(each % 1 for each in numbers):
        return  # spread over each video, which fits any
    grid = FeatureGrid(*map(int, numbers), dataset.fps)
    files = find_videos([folder])
    wrong: Dict[str, str] = {}
    for name, reading in survey.usable.items():
        path = files.get(name, files.get(f'v_{name}'))
        if path is None:
            continue
        try:
            info = probe_video(path)
            num_frames = info.num_frames
            if grid.fps is not None:
                num_frames = round(info.duration * grid.fps)
            grid.check_length(name, reading.shape[0], num_frames)
        except VideoError as error:
            survey.add('warning', 'videos', str(error))
        except ValueError as error:
            wrong[name] = str(error)
    if wrong:
        first = next(iter(wrong.values()))
        more = '' if len(wrong) == 1 else (
            f' (and {len(wrong) - 1} more: {some(list(wrong)[1:])})')
        survey.add('error', 'videos', f'{first}{more}', len(wrong))
