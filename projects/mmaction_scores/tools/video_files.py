"""Video files of a folder, by id."""
from pathlib import Path
from typing import Dict, Iterable, Optional

SUFFIXES = ('.avi', '.mkv', '.mov', '.mp4', '.webm')


def find_videos(folder: str,
                video_ids: Optional[Iterable[str]] = None) -> Dict[str, str]:
    """Find video files in a folder and the folders in it.

    Args:
        folder (str): Folder.
        video_ids (Iterable[str], optional): Videos wanted, whose files may
            have ``v_`` before the id. Defaults to None: all, each with the
            name of its file as id.

    Returns:
        dict[str, str]: Path by id, sorted by id, or in the order given.

    Raises:
        FileNotFoundError: If there is no such folder, or it lacks a video.
        ValueError: If two files have the same name.
    """
    if not Path(folder).is_dir():
        raise FileNotFoundError(f'no folder of videos at {folder!r}')
    files: Dict[str, str] = {}
    for path in sorted(Path(folder).rglob('*')):
        if path.suffix.lower() not in SUFFIXES:
            continue
        if path.stem in files:
            raise ValueError(
                f'videos must have different names, but got {str(path)!r} '
                f'and {files[path.stem]!r}')
        files[path.stem] = str(path)
    if not files:
        raise FileNotFoundError(f'{folder!r} must hold videos, files ending '
                                f'with one of {SUFFIXES}, but holds none')
    if video_ids is None:
        return dict(sorted(files.items()))
    found = {
        each: files.get(each, files.get(f'v_{each}'))
        for each in video_ids
    }
    missing = [each for each, path in found.items() if path is None]
    if missing:
        raise FileNotFoundError(
            f'{folder!r} must hold all {len(found)} videos of the '
            f'annotations, but lacks {len(missing)}, such as {missing[:3]}; '
            'give --subset if these are not wanted')
    return found
