"""Writing of pictures."""
import os.path as osp

from matplotlib.figure import Figure

from dyfadet_mm.fileio import atomic_path


def save_figure(figure: Figure, path: str) -> None:
    """Write a picture, completely or not at all.

    Args:
        figure (Figure): With a canvas.
        path (str): The file, whose suffix says the format; without one it is
            a PNG. Missing folders are made and an old file is replaced.

    Raises:
        ValueError: If there is no such format.
        WriteError: As of :func:`dyfadet_mm.fileio.atomic_path`.
    """
    suffix = osp.splitext(path)[1][1:].lower() or 'png'
    with atomic_path(path) as part:
        figure.savefig(part, format=suffix)
