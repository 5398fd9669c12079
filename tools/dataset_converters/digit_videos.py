"""Show digit streams as videos, one frame a cell.

    python tools/dataset_converters/digit_videos.py data/digit_streams

writes ``videos/ID.mp4`` for the validation streams of what digit_streams.py
wrote: each scan is a frame of 64 x 64 grey pixels, one a second. The config
features/pixels_digit-streams.py makes features of them again.
"""
import argparse
import os.path as osp
from typing import Optional, Sequence

import numpy as np

from dyfadet_mm.fileio import (NpyReader, load_database, select_subset,
                               user_errors, write_video)
from dyfadet_mm.models.backbones import PixelBlocks

SIDE = 8  # pixels of a frame per pixel of a scan, in each direction


def to_frames(feats: np.ndarray) -> np.ndarray:
    """Draw the scans of a stream.

    Args:
        feats (ndarray): (T, 64).

    Returns:
        ndarray: Frames, uint8, (T, 64, 64, 3).
    """
    scale = PixelBlocks()
    grey = (feats - scale.darkest) / (scale.brightest - scale.darkest)
    grey = np.round(255 * grey.clip(0, 1)).astype(np.uint8)
    grey = grey.reshape(-1, scale.size, scale.size)
    grey = grey.repeat(SIDE, axis=1).repeat(SIDE, axis=2)
    return np.stack([grey] * 3, axis=-1)


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('data', help='folder that digit_streams.py wrote')
    parser.add_argument(
        '--out', help='folder of the videos (default: videos in that folder)')
    parser.add_argument('--subset', default='validation')
    parser.add_argument(
        '--number', type=int, help='of videos (default: all of the subset)')
    return parser.parse_args(args)


def main() -> None:
    """Write the videos that the command line asks for."""
    args = parse_args()
    out = args.out or osp.join(args.data, 'videos')
    with user_errors(ImportError):
        database = load_database(osp.join(args.data, 'annotations.json'))
        names = list(select_subset(database, args.subset))[:args.number]
        for name in names:
            path = osp.join(out, f'{name}.mp4')
            if not osp.exists(path):
                feats = NpyReader().read(
                    osp.join(args.data, 'features', f'{name}.npy'), name)
                write_video(path, to_frames(feats), database[name]['fps'])
    print(f'{len(names)} videos of digits are in {out}')


if __name__ == '__main__':
    main()
