"""Show digit streams as videos, one frame a cell.

    python tools/dataset_converters/digit_videos.py data/digit_streams

writes ``videos/ID.mp4`` for the validation streams of what digit_streams.py
wrote: each scan is a frame of 64 x 64 grey pixels, one a second. The config
features/pixels_digit-streams.py makes features of them again.

With ``--scattered`` a frame has 32 x 32 pixels. The scan takes a quarter of
it, anywhere, and lies under bars, so that pixels alone say little:
``scattered/ID.mp4``.

With ``--trimmed`` every action is a video, and ``trimmed.txt`` lists them with
their digits, as MMAction2's recognizers read them: ``trimmed/ID_N.mp4``.

The same options draw the same frames.
"""
import argparse
import os.path as osp
import zlib
from typing import Optional, Sequence

import numpy as np
from digit_streams import PIXEL_MEAN, PIXEL_STD

from dyfadet_mm.fileio import (NpyReader, atomic_path, load_database,
                               select_subset, user_errors, write_video)
from dyfadet_mm.models import PixelBlocks

SIDE = 8  # pixels of a frame per pixel of a scan, in each direction
FRAME, SCATTERED_SIDE = 32, 2  # pixels of a side, scattered; likewise
BAR = (2, 10)  # pixels of the sides
BAR_GREY = (100, 230)  # darkest and brightest


def to_pixels(feats: np.ndarray) -> np.ndarray:
    """Brightness of the pixels of scans.

    Args:
        feats (ndarray): (T, 64).

    Returns:
        ndarray: uint8, (T, 8, 8).
    """
    scale = PixelBlocks()
    grey = (feats - scale.darkest) / (scale.brightest - scale.darkest)
    grey = np.round(255 * grey.clip(0, 1)).astype(np.uint8)
    return grey.reshape(-1, scale.size, scale.size)


def enlarge(grey: np.ndarray, side: int) -> np.ndarray:
    """Make squares of pixels, (T, H, W) to (T, H side, W side)."""
    return grey.repeat(side, axis=1).repeat(side, axis=2)


def scatter(grey: np.ndarray, num_bars: int,
            rng: np.random.RandomState) -> np.ndarray:
    """Put scans anywhere into frames, and bars over them.

    Args:
        grey (ndarray): Pixels of scans, uint8, (T, 8, 8).
        num_bars (int): Bars of a frame, lying or standing.
        rng (RandomState): Source of random numbers.

    Returns:
        ndarray: uint8, (T, 32, 32).
    """
    dark = to_pixels(np.full(64, -PIXEL_MEAN / PIXEL_STD))[0, 0, 0]
    frames = np.full((len(grey), FRAME, FRAME), dark)  # of blank paper
    for frame, scan in zip(frames, enlarge(grey, SCATTERED_SIDE)):
        _place(scan, frame, rng)
        for _ in range(num_bars):
            shape = BAR if rng.randint(2) else BAR[::-1]
            _place(np.full(shape, rng.randint(*BAR_GREY)), frame, rng)
    return frames


def _place(piece: np.ndarray, frame: np.ndarray,
           rng: np.random.RandomState) -> None:
    """Copy a piece to a random place of a frame."""
    y, x = (rng.randint(whole - part + 1)
            for whole, part in zip(frame.shape, piece.shape))
    frame[y:y + piece.shape[0], x:x + piece.shape[1]] = piece


def draw_stream(args: argparse.Namespace, name: str) -> np.ndarray:
    """Draw one stream as the command line says.

    Args:
        args (Namespace): Of the command line.
        name (str): Of the stream.

    Returns:
        ndarray: Frames, uint8, (T, H, W, 3).
    """
    path = osp.join(args.data, 'features', f'{name}.npy')
    grey = to_pixels(NpyReader().read(path, name))
    if args.scattered is None:
        grey = enlarge(grey, SIDE)
    else:
        seed = zlib.crc32(name.encode())
        grey = scatter(grey, args.scattered, np.random.RandomState(seed))
    return np.stack([grey] * 3, axis=-1)


def write_streams(args: argparse.Namespace, out: str, database: dict) -> None:
    """Write a video for every stream."""
    for name, entry in database.items():
        path = osp.join(out, f'{name}.mp4')
        if args.scattered is not None or not osp.exists(path):
            write_video(path, draw_stream(args, name), entry['fps'])


def write_actions(args: argparse.Namespace, out: str, database: dict) -> None:
    """Write a video for every action, and the list of them."""
    lines = []
    for name, entry in database.items():
        frames = draw_stream(args, name)
        for number, action in enumerate(entry['annotations']):
            video = f'{name}_{number}.mp4'
            start, end = map(int, action['segment'])
            write_video(osp.join(out, video), frames[start:end], entry['fps'])
            lines.append(f"{video} {action['label_id']}\n")
    with atomic_path(f'{out}.txt') as part, open(part, 'w') as file:
        file.writelines(lines)


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('data', help='folder that digit_streams.py wrote')
    parser.add_argument(
        '--out',
        help='folder of the videos (default: videos, scattered or trimmed in '
        'that folder)')
    parser.add_argument(
        '--subset', nargs='+', default=['validation'], metavar='NAME')
    parser.add_argument(
        '--number', type=int, help='of streams (default: all of the subsets)')
    parser.add_argument(
        '--scattered',
        type=int,
        nargs='?',
        const=4,
        metavar='BARS',
        help='scans anywhere in a frame, under so many bars (default: 4)')
    parser.add_argument(
        '--trimmed', action='store_true', help='a video for each action')
    return parser.parse_args(args)


def main() -> None:
    """Write the videos that the command line asks for."""
    args = parse_args()
    kind = 'videos' if args.scattered is None else 'scattered'
    kind = 'trimmed' if args.trimmed else kind
    out = args.out or osp.join(args.data, kind)
    with user_errors(ImportError):
        if (args.scattered or 0) < 0:
            raise ValueError('--scattered must be at least 0 bars, but got '
                             f'{args.scattered}')
        database = load_database(osp.join(args.data, 'annotations.json'))
        database = select_subset(database, args.subset)
        names = list(database)[:args.number]
        database = {name: database[name] for name in names}
        write = write_actions if args.trimmed else write_streams
        write(args, out, database)
    print(f'videos of {len(database)} digit streams are in {out}')


if __name__ == '__main__':
    main()
