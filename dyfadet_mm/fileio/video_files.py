"""Which video files a user has named."""
from pathlib import Path
from typing import Dict, Iterable

#: How the names of video files end.
VIDEO_SUFFIXES = ('.3gp', '.avi', '.flv', '.gif', '.m4v', '.mkv', '.mov',
                  '.mp4', '.mpeg', '.mpg', '.mts', '.ogv', '.ts', '.webm',
                  '.wmv')


def find_videos(paths: Iterable[str]) -> Dict[str, str]:
    """Find video files by their paths or folders.

    Args:
        paths (Iterable[str]): Files, which need not exist yet for their
            errors to come later, and folders, of which and of the folders in
            them every file with the suffix of a video is taken.

    Returns:
        dict[str, str]: Path by id, the name of the file without suffix, in
        the order given.

    Raises:
        FileNotFoundError: If there is no video.
        ValueError: If two have one name.
    """
    paths = list(paths)
    found: Dict[str, str] = {}
    for path in map(Path, paths):
        files = [path]
        if path.is_dir():
            files = sorted(
                each for each in path.rglob('*')
                if each.suffix.lower() in VIDEO_SUFFIXES and each.is_file())
        for file in files:
            other = found.setdefault(file.stem, str(file))
            if other != str(file):
                raise ValueError(
                    'videos must have names of their own, but got '
                    f'{other!r} and {str(file)!r}; rename one')
    if not found:
        raise FileNotFoundError(
            f'no videos in {[str(p) for p in paths][:5]}; their names must '
            f'end with one of {VIDEO_SUFFIXES}')
    return found
